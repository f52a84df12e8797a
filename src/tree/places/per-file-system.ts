import fs from 'node:fs';

/**
 * Makes one thing for each file system: directories on the same one share it. The directory that is asked about exists.
 */
export function perFileSystem<T>(create: (directory: string) => T): (directory: string) => T {
  const made = new Map<number, T>();
  return (directory) => {
    const { dev } = fs.statSync(directory);
    const found = made.get(dev) ?? create(directory);
    made.set(dev, found);
    return found;
  };
}
