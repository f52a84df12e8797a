import { OdoError } from '../../errors.ts';

const KINDS = /^(local|host|hostssl|hostnossl|hostgssenc|hostnogssenc|include|include_if_exists|include_dir)$/i;

/**
 * Refuses (`usage`) a file with which a server would not start: a line that begins with an unknown word, or no line at
 * all. Source: https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
 */
export function refuseHbaFaults(content: string, file: string): void {
  const lines = content.split('\n');
  let isContinued = false;
  let rules = 0;
  for (const [index, line] of lines.entries()) {
    const first = /^\s*"?([^\s"#,]+)/.exec(line)?.[1];
    if (!isContinued && first !== undefined) {
      if (!KINDS.test(first)) {
        throw new OdoError('usage', `${file}, line ${index + 1}: no line of a pg_hba.conf begins with ${first}`, {
          hint: 'lines begin with local, host, hostssl, hostnossl, hostgssenc or hostnogssenc',
        });
      }
      rules++;
    }
    isContinued = line.endsWith('\\');
  }
  if (rules === 0) throw new OdoError('usage', `${file} lets nobody in: it has no line that says anything`);
}
