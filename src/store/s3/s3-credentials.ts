import type { fromIni as FromIni } from '@aws-sdk/credential-provider-ini';
import { OdoError } from '../../errors.ts';
import { type Connection, createAgents } from '../network/connection.ts';
import { proxyFault } from '../network/proxy-fault.ts';
import type { StoreKeys } from '../objects/store-keys.ts';
import { configuredEndpoint } from './s3-configuration.ts';

/**
 * A set of S3 keys, as plain JSON. Secret: it goes to the SDK and over the restore container's standard input, and
 * nowhere else.
 */
export interface S3Credentials extends StoreKeys {
  accessKeyId: string;
  secretAccessKey: string;
  /** Session token of temporary keys. */
  sessionToken?: string;
}

/** The owner of the keys, and how the services that give them out are reached. */
export interface CredentialSource extends Connection {
  /** Given keys. Without them, the SDK's own chain is asked. */
  credentials?: S3Credentials;
  /** Profile of the shared configuration. Default: the one that AWS_PROFILE names. */
  profile?: string;
  region?: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 30_000;
const MAX_SOCKETS = 4;

/** A logger that drops everything. Without one, some providers print warnings on the terminal. */
const NOBODY = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/**
 * A function that gives, at each call, the keys to sign with now. These are the given keys, else those of the named
 * profile, else what the SDK's chain finds: environment, default profile, web identity, container and instance roles.
 * Keys are renewed a few minutes before they end. `accessDenied` when there are none. `storeUnreachable` when the
 * service that gives them out does not answer.
 */
export function credentialsOf(source: CredentialSource): () => Promise<S3Credentials> {
  const { credentials } = source;
  if (credentials) return async () => credentials;
  const profile = source.profile ?? (process.env.AWS_PROFILE || undefined);
  let provider: ReturnType<typeof FromIni> | undefined;
  return async () => {
    try {
      provider ??= await openProvider(source, profile);
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provider();
      return {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken === undefined ? {} : { sessionToken }),
        ...(expiration === undefined ? {} : { expiresAt: expiration.toISOString() }),
      };
    } catch (error) {
      const url =
        (await configuredEndpoint('sts', profile)) ?? `https://sts.${source.region ?? 'us-east-1'}.amazonaws.com`;
      throw proxyFault(error, source.proxies, { url }) ?? explain(error, profile);
    }
  };
}

async function openProvider(
  source: CredentialSource,
  profile: string | undefined,
): Promise<ReturnType<typeof FromIni>> {
  const { region } = source;
  // These packages are large, and a person who gives keys needs none of them.
  const { fromIni } = await import('@aws-sdk/credential-provider-ini');
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
  const { NodeHttpHandler } = await import('@smithy/node-http-handler');
  const { getDefaultRoleAssumer, getDefaultRoleAssumerWithWebIdentity } = await import('@aws-sdk/nested-clients/sts');
  const endpoint = await configuredEndpoint('sts', profile);
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: ANSWER_TIMEOUT_MS,
    ...createAgents(source, MAX_SOCKETS),
  });
  const parentClientConfig = {
    requestHandler,
    ...(region === undefined ? {} : { region: async () => region }),
    ...(profile === undefined ? {} : { profile }),
  };
  const sts = { ...(endpoint === undefined ? {} : { endpoint }), parentClientConfig };
  const common = {
    logger: NOBODY,
    parentClientConfig,
    // For single sign-on alone: its client reads no other configuration, and that of STS is not meant for it.
    clientConfig: { requestHandler },
    roleAssumer: getDefaultRoleAssumer(sts),
    roleAssumerWithWebIdentity: getDefaultRoleAssumerWithWebIdentity(sts),
  };
  // If a profile gave no keys, the chain would go on to other sources, and not say why.
  return profile === undefined ? defaultProvider(common) : fromIni({ ...common, profile, ignoreCache: true });
}

/** The parts of an SDK or Node error that say something. */
interface ChainError {
  name?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
}

/** Codes for a file that cannot be read. */
const UNREADABLE = new Set(['ENOENT', 'EACCES', 'EISDIR']);
/** Text for a failed connection: single sign-on's provider keeps only the text of an error. */
const UNREACHED = /\b(?:ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ETIMEDOUT)\b/;
/** Text for a refusal of single sign-on. */
const SIGN_ON = /\bSSO\b|UnauthorizedException|ForbiddenException/;

function explain(error: unknown, profile: string | undefined): OdoError {
  if (error instanceof OdoError) return error;
  const { name, code, message = '', $metadata } = error as ChainError;
  const whose = profile === undefined ? '' : ` of profile ${profile}`;
  const status = $metadata?.httpStatusCode;
  if (status !== undefined && status < 500) {
    return new OdoError('accessDenied', `the role${whose} cannot be assumed (${name})`, {
      hint:
        'check role_arn, the keys that its source_profile leads to or its web identity token, and that the ' +
        'role trusts them',
      cause: new Error(message),
    });
  }
  if (code !== undefined && UNREADABLE.has(code)) {
    return new OdoError('accessDenied', `no S3 credentials${whose}: the web identity token cannot be read (${code})`, {
      hint: 'check AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file in the profile',
      cause: new Error(message),
    });
  }
  const broken = code ?? UNREACHED.exec(message)?.[0];
  if (status !== undefined || broken !== undefined || name === 'TimeoutError') {
    const reason = status === undefined ? (broken ?? 'no answer in time') : `HTTP ${status}`;
    return new OdoError('storeUnreachable', `cannot reach the service that gives out the S3 keys${whose} (${reason})`, {
      hint: 'check AWS_ENDPOINT_URL_STS or endpoint_url in the profile, and that this machine reaches it',
      cause: new Error(message),
    });
  }
  if (SIGN_ON.test(message)) {
    return new OdoError('accessDenied', `no S3 credentials: the single sign-on${whose} gives none, or no longer`, {
      hint: `sign on again: aws sso login${profile === undefined ? '' : ` --profile ${profile}`}`,
      cause: new Error(message),
    });
  }
  // The message holds the command, and the command may hold a secret. So no cause is kept.
  if (message.startsWith('Command failed')) {
    return new OdoError('accessDenied', `no S3 credentials: the credential_process${whose} failed`, {
      hint: 'run the command of the profile by hand to see why',
    });
  }
  const container = ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'].find(
    (uri) => process.env[uri],
  );
  if (profile === undefined && container !== undefined) {
    return new OdoError('accessDenied', `no S3 credentials: the service that ${container} names gives none`, {
      hint: 'check that it answers on this machine, and AWS_CONTAINER_AUTHORIZATION_TOKEN or its file',
      cause: error,
    });
  }
  return new OdoError('accessDenied', `no S3 credentials${profile === undefined ? '' : ` in profile ${profile}`}`, {
    hint: 'give -a KEY and -s SECRET, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a --profile',
    cause: error,
  });
}
