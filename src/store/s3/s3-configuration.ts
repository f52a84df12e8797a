import type { loadConfig as LoadConfig } from '@smithy/core/config';
import { OdoError } from '../../errors.ts';

const FILES = 'the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, by default in ~/.aws';

/** The settings of S3 that a person gives, or leaves to the shared configuration. */
export interface S3Whereabouts {
  endpoint?: string;
  region?: string;
  /** Profile of the shared configuration. Default: the one that AWS_PROFILE names, else its default. */
  profile?: string;
  /** With given keys, the profile need not exist. */
  credentials?: unknown;
}

/**
 * Adds the endpoint and the region of the environment or the shared AWS configuration, where none was given. A restore
 * container sees neither of these, and the SDK looks up endpoints in the environment's profile alone. `usage` for a
 * named profile that does not exist.
 */
export async function settleS3<T extends S3Whereabouts>(config: T): Promise<T> {
  const profile = config.profile ?? process.env.AWS_PROFILE;
  if (profile && config.credentials === undefined) await demandProfile(profile);
  const endpoint = config.endpoint ?? (await configuredEndpoint('s3', config.profile));
  const region = config.region ?? (await configuredRegion(config.profile));
  return { ...config, ...(endpoint === undefined ? {} : { endpoint }), ...(region === undefined ? {} : { region }) };
}

/**
 * The endpoint of a service: AWS_ENDPOINT_URL_<service>, else AWS_ENDPOINT_URL, else the profile's `endpoint_url` (its
 * services section first). https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export async function configuredEndpoint(
  service: 's3' | 'sts',
  profile: string | undefined,
): Promise<string | undefined> {
  const ignored = await lookUp('whether endpoints are ignored', profile, {
    environmentVariableSelector: (env) => env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS || undefined,
    configFileSelector: (section) => section.ignore_configured_endpoint_urls,
  });
  if (ignored === 'true') return undefined;
  const { CONFIG_PREFIX_SEPARATOR } = await readSdk();
  return lookUp(`the endpoint of ${service}`, profile, {
    environmentVariableSelector: (env) =>
      env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] || env.AWS_ENDPOINT_URL || undefined,
    configFileSelector(section, file) {
      const services = section.services && file?.[`services${CONFIG_PREFIX_SEPARATOR}${section.services}`];
      const own = services ? services[`${service}${CONFIG_PREFIX_SEPARATOR}endpoint_url`] : undefined;
      return own ?? section.endpoint_url;
    },
  });
}

async function demandProfile(profile: string): Promise<void> {
  const { loadSharedConfigFiles } = await readSdk();
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  if (configFile[profile] || credentialsFile[profile] || profile === 'default') return;
  throw new OdoError('usage', `the AWS configuration has no profile ${profile}`, {
    hint: `check --profile and AWS_PROFILE, and ${FILES}`,
  });
}

function configuredRegion(profile: string | undefined): Promise<string | undefined> {
  return lookUp('the region', profile, {
    environmentVariableSelector: (env) => env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined,
    configFileSelector: (section) => section.region,
  });
}

/** Loaded when it is needed: half of ODO's commands open no store. */
const readSdk = () => import('@smithy/core/config');

type Selectors = Omit<Parameters<typeof LoadConfig<string | undefined>>[0], 'default'>;

async function lookUp(what: string, profile: string | undefined, selectors: Selectors): Promise<string | undefined> {
  const { loadConfig } = await readSdk();
  try {
    return await loadConfig<string | undefined>(
      { ...selectors, default: undefined },
      profile === undefined ? {} : { profile },
    )();
  } catch (error) {
    throw new OdoError('usage', `the AWS configuration cannot be read for ${what}`, {
      hint: `check ${FILES}`,
      cause: error,
    });
  }
}
