import metadata from '../../package.json' with { type: 'json' };

/** ODO's own version, which its image is tagged with. */
export const VERSION: string = metadata.version;

export const DEFAULT_IMAGE = `odo:${VERSION}`;
