import metadata from '../../../package.json' with { type: 'json' };

/** ODO's own version, which its image is tagged with. */
export const VERSION: string = metadata.version;

/** The restore image unless --image or ODO_IMAGE names another. */
export const DEFAULT_IMAGE = process.env.ODO_IMAGE || `odo:${VERSION}`;
