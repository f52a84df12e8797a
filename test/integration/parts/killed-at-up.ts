import fs from 'node:fs';
import path from 'node:path';

/**
 * An environment in which the docker command line kills the program that calls it, as `kill -9` does, when that wants
 * compose to start a service. Nothing is started then.
 */
export function killedAtUp(folder: string): NodeJS.ProcessEnv {
  const real = (process.env.PATH ?? '').split(':').find((one) => fs.existsSync(path.join(one, 'docker')));
  const bin = path.join(folder, 'killed-at-up');
  fs.mkdirSync(bin, { recursive: true });
  const script = `#!/bin/sh
case " $* " in *' up '*) kill -9 "$PPID"; exit 1;; esac
exec "${real}/docker" "$@"
`;
  fs.writeFileSync(path.join(bin, 'docker'), script, { mode: 0o755 });
  return { PATH: `${bin}:${process.env.PATH}` };
}
