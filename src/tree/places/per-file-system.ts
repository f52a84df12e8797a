import fs from 'node:fs';

/**
 * Makes something for each directory that it is asked about; directories on one file system share it. The directory
 * exists.
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
