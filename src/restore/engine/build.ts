import metadata from '../../../package.json' with { type: 'json' };

/** ODO's own version, which its image is tagged with. */
export const VERSION: string = metadata.version;

/** Put in by the build: a digest of the whole program (see scripts/build/pack.ts). */
declare const ODO_BUILD: string | undefined;

/**
 * Which build this is. The command and the image hold the same program, and speak to each other in a language that has
 * no versions of its own. So they must be of one build: an older one would silently leave out newer fields of a job.
 */
export const BUILD: string = typeof ODO_BUILD === 'undefined' ? 'unbuilt' : ODO_BUILD;
