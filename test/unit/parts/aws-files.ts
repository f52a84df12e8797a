import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { vi } from 'vitest';
import { scratchDirectory } from './scratch-directory.ts';

/**
 * Makes these the machine's AWS configuration for a test: nothing of its own environment is seen, and no instance's
 * metadata service is asked. The SDK keeps files in memory by their path, so each call has paths of its own.
 * vi.unstubAllEnvs() ends it.
 */
export function useAwsFiles(files: { config?: string; credentials?: string }, env: Record<string, string> = {}): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  const folder = scratchDirectory();
  const paths = { config: path.join(folder, 'config'), credentials: path.join(folder, 'credentials') };
  writeFileSync(paths.config, files.config ?? '');
  writeFileSync(paths.credentials, files.credentials ?? '');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_CONFIG_FILE', paths.config);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', paths.credentials);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
}
