import type { Connection } from '../network/connection.ts';
import type { S3Credentials } from './s3-credentials.ts';
export interface S3Config extends Connection {
  bucket: string;
  /** URL of a server other than Amazon's. settleS3() adds the one of the environment or of a profile. */
  endpoint?: string;
  /** Default with a custom endpoint: `us-east-1`. */
  region?: string;
  /** The bucket in the path, not in the host name; by default true with a custom endpoint. */
  pathStyle?: boolean;
  /** Absent: the SDK's own chain (environment, profiles, roles). */
  credentials?: S3Credentials;
  /** Profile of the SDK's shared configuration, used where there are no credentials here. */
  profile?: string;
  /** Whoever reads pays for it: buckets that are set up so refuse other requests. */
  requesterPays?: boolean;
  /** The key that the objects are encrypted with on the server (SSE-C), 32 bytes in base64. Secret. */
  sseCustomerKey?: string;
  /** supported: an answer with a checksum of S3's own is checked by it, too. Not every server knows these. */
  checksums?: 'required' | 'supported';
  /** Default 64. */
  maxSockets?: number;
  /**
   * How long requests put up with failures. Default 15,000 for a listing or a HEAD. `read` tries once: its readers in
   * store/reading resume it.
   */
  retryForMs?: number;
}
