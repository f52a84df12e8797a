import { cancelled, OdoError } from '../../errors.ts';
import type { Proxies } from '../network/connection.ts';
import { proxyFault } from '../network/proxy-fault.ts';
import { asObjectFault } from '../objects/object-fault.ts';

/** A request to S3, as far as messages tell of it. */
export interface S3Request {
  bucket: string;
  key?: string | undefined;
  /** The endpoint as a person would name it. */
  endpoint: string;
  /** URL of the server, for telling whether a proxy is on the way. */
  url: string;
  region?: string | undefined;
  proxies?: Proxies | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The parts of an SDK, Node or server error that say something. `code` is S3's Code, Node's code, or the error's name.
 */
interface Symptom {
  code: string;
  status: number | undefined;
  message: string;
  region: string | undefined;
}

/** AWS error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired']);
const NO_CREDENTIALS = new Set(['CredentialsProviderError', 'TokenProviderError']);
const WRONG_REGION = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'IllegalLocationConstraint',
]);
const CHANGED = new Set(['PreconditionFailed', 'ConditionalRequestConflict']);
const BUSY = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'RequestTimeout',
  'InternalError',
  'ServiceUnavailable',
]);

/**
 * Makes an OdoError of whatever the AWS SDK threw. Goes by codes and statuses: the messages of some servers are empty.
 */
export function translateS3Error(error: unknown, request: S3Request): OdoError {
  if (error instanceof OdoError) return error;
  if (request.signal?.aborted) return cancelled(bareCause(error));
  const onTheWay = proxyFault(error, request.proxies, { url: request.url });
  if (onTheWay) return onTheWay;
  const symptom = readSymptom(error);
  const fail = (code: OdoError['code'], message: string, hint?: string) =>
    new OdoError(code, message, { hint, cause: bareCause(error) });
  const { bucket, key, endpoint } = request;
  const object = key === undefined ? `bucket ${bucket}` : `s3://${bucket}/${key}`;
  const { code, status } = symptom;

  if (NO_CREDENTIALS.has(code)) {
    return fail(
      'accessDenied',
      `no credentials for bucket ${bucket}`,
      'give -a KEY and -s SECRET, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
    );
  }
  if (symptom.message === 'Region is missing') {
    return fail(
      'usage',
      `no region for bucket ${bucket}`,
      'give -r REGION or set AWS_DEFAULT_REGION; for a server other than Amazon, give --endpoint',
    );
  }
  if (code === 'InvalidAccessKeyId') {
    return fail(
      'accessDenied',
      `${endpoint} does not know the access key`,
      'check -a / AWS_ACCESS_KEY_ID, and that the key belongs to this endpoint',
    );
  }
  if (code === 'SignatureDoesNotMatch') {
    return fail(
      'accessDenied',
      `${endpoint} refuses the signature: the secret key does not fit the access key`,
      'check -s / AWS_SECRET_ACCESS_KEY',
    );
  }
  if (EXPIRED.has(code)) {
    return fail(
      'accessDenied',
      `the credentials for bucket ${bucket} have expired`,
      'get fresh temporary credentials and run again',
    );
  }
  if (code === 'InvalidToken') {
    return fail(
      'accessDenied',
      `${endpoint} refuses the session token`,
      'check AWS_SESSION_TOKEN: it must be of the same set as the keys',
    );
  }
  if (code === 'RequestTimeTooSkewed') {
    return fail(
      'accessDenied',
      `the clock of this machine and that of ${endpoint} differ too much`,
      'set the clock of this machine (date -u shows it) and run again',
    );
  }
  if (code === 'InvalidObjectState') {
    return asObjectFault(
      fail(
        'accessDenied',
        `${object} is in an archive storage class and cannot be read now`,
        'restore the object from the archive (aws s3api restore-object) and run again',
      ),
    );
  }
  if (isWrongRegion(symptom, request.region)) {
    const where = symptom.region === undefined ? 'another region' : `region ${symptom.region}`;
    const asked = request.region === undefined ? '' : `, not in ${request.region}`;
    return fail(
      'usage',
      `bucket ${bucket} is in ${where}${asked}`,
      symptom.region === undefined ? 'give its region with -r or AWS_DEFAULT_REGION' : `give -r ${symptom.region}`,
    );
  }
  if (code === 'NoSuchBucket') {
    return fail('notFound', `no bucket ${bucket} at ${endpoint}`, 'check the bucket in -u, and --endpoint');
  }
  if (code === 'InvalidBucketName')
    return fail('usage', `${bucket} is not a valid bucket name`, 'check the bucket in -u');
  if (CHANGED.has(code) || status === 412) {
    return fail(
      'dataCorrupt',
      `${object} changed while it was being read`,
      'see what writes to the bucket, then run again',
    );
  }
  if (status === 401 || status === 403) {
    const isOfKms = /kms:|\bkms\b/i.test(`${code} ${symptom.message}`);
    const denied = fail(
      'accessDenied',
      isOfKms ? `access to the key that ${object} is encrypted with is denied` : `access to ${object} is denied`,
      isOfKms
        ? "the object is encrypted with a key of the store's key service: whoever reads needs kms:Decrypt on that key"
        : 'the keys need s3:ListBucket on the bucket and s3:GetObject on its objects',
    );
    return key !== undefined && status === 403 ? asObjectFault(denied) : denied;
  }
  if (status === 404) {
    return fail('notFound', key === undefined ? `no bucket ${bucket} at ${endpoint}` : `no object ${object}`);
  }
  if (BUSY.has(code) || status === 429 || (status !== undefined && status >= 500)) {
    return fail(
      'storeUnreachable',
      `${endpoint} cannot serve ${object} now (${describe(symptom)})`,
      'run again in a while',
    );
  }
  if (status !== undefined && status >= 300) {
    return fail(
      'usage',
      `${endpoint} refuses the request for ${object} (${describe(symptom)})`,
      status === 400 && key !== undefined
        ? 'what is encrypted with a key of yours (SSE-C) needs --sse-c-key-file; else check -u, --endpoint and ' +
            '--path-style'
        : 'check -u, --endpoint and --path-style',
    );
  }
  if (status !== undefined) {
    return fail(
      'usage',
      `${endpoint} answers, but not as an S3 server`,
      'check --endpoint: is it the S3 API, and not a web console?',
    );
  }
  return fail('storeUnreachable', `cannot reach ${endpoint} (${describe(symptom)})`, hintForNetwork(symptom));
}

function isWrongRegion({ code, status, region }: Symptom, asked: string | undefined): boolean {
  return (
    WRONG_REGION.has(code) ||
    status === 301 ||
    status === 307 ||
    (status === 400 && region !== undefined && region !== asked)
  );
}

/**
 * The bucket's region as an answer names it, when it is another than was asked. It becomes part of a host name, so it
 * has to look like one.
 */
export function otherRegionIn(error: unknown, asked: string | undefined): string | undefined {
  const symptom = readSymptom(error);
  const { region } = symptom;
  if (region === undefined || region === asked || !/^[a-z0-9-]{1,40}$/.test(region)) return undefined;
  return isWrongRegion(symptom, asked) ? region : undefined;
}

/** True for an answer that only says that the range lies beyond the end of the object. */
export function isBeyondEnd(error: unknown): boolean {
  const { code, status } = readSymptom(error);
  return code === 'InvalidRange' || status === 416;
}

/**
 * True for an answer that says that there is no such object (a HEAD has no body and so cannot tell whether the bucket
 * exists).
 */
export function isMissing(error: unknown): boolean {
  const { code, status } = readSymptom(error);
  return status === 404 && code !== 'NoSuchBucket';
}

function readSymptom(error: unknown): Symptom {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const metadata = fields.$metadata as { httpStatusCode?: number } | undefined;
  const response = fields.$response as { headers?: Record<string, string>; statusCode?: number } | undefined;
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  return {
    code: text(fields.Code) ?? text(fields.code) ?? text(fields.name) ?? 'Unknown',
    status: metadata?.httpStatusCode ?? response?.statusCode,
    message: text(fields.message) ?? '',
    region: text(fields.Region) ?? text(response?.headers?.['x-amz-bucket-region']),
  };
}

function describe({ code, status, message }: Symptom): string {
  if (status !== undefined)
    return code === 'Unknown' || code === 'Error' ? `HTTP ${status}` : `${code}, HTTP ${status}`;
  if (code === 'Error' || code === 'Unknown') return message === '' ? 'no reason given' : message;
  if (code === 'TimeoutError') return 'no answer in time';
  return code;
}

function hintForNetwork({ code }: Symptom): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'the name does not resolve: check --endpoint, the region and DNS';
  if (code === 'EPROTO') return 'the server does not speak TLS there: check http:// or https:// in --endpoint';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'the certificate is for another name: give --endpoint with the name that it was made for';
  }
  if (/CERT|SIGNATURE|ISSUER|CHAIN|TLS/.test(code)) {
    return 'the certificate is not trusted: give the file of its authority with --ca-bundle';
  }
  return 'check --endpoint and that this machine reaches it';
}

/**
 * The original error without the fields that S3 adds to it: for a wrong signature they hold the canonical request, and
 * with it the session token.
 */
function bareCause(error: unknown): unknown {
  if (!(error instanceof Error) || !('$metadata' in error)) return error;
  const bare = new Error(error.message);
  bare.name = error.name;
  if (error.stack !== undefined) bare.stack = error.stack;
  return bare;
}
