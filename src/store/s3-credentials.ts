import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { OdoError } from '../errors.ts';

/** A set of S3 keys. Secret: it goes to the SDK and into the restore container's environment, and nowhere else. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Keys as they are now; temporary ones say when they end. */
export interface ResolvedCredentials extends S3Credentials {
  expiration?: Date;
}

/**
 * The keys that a store of this configuration would use now: those that it holds, else what the SDK's chain finds
 * (environment, shared profiles, container and instance roles). `accessDenied` when there are none.
 */
export async function resolveCredentials(config: {
  credentials?: S3Credentials;
  profile?: string;
  region?: string;
}): Promise<ResolvedCredentials> {
  if (config.credentials) return { ...config.credentials };
  try {
    const { profile, region } = config;
    const chain = defaultProvider({
      ...(profile === undefined ? {} : { profile }),
      ...(region === undefined ? {} : { clientConfig: { region } }),
    });
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await chain();
    return {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(expiration === undefined ? {} : { expiration }),
    };
  } catch (error) {
    throw new OdoError('accessDenied', 'no S3 credentials', {
      hint: 'give -a KEY and -s SECRET, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a --profile',
      cause: error,
    });
  }
}
