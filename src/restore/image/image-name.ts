import { OdoError } from '../../errors.ts';

const TAGGED = /:[\w][\w.-]{0,127}$/;

/**
 * The name that an image can be given, with its tag: `odo` means `odo:latest`.
 * Errors: `usage` for an id or a digest, which nobody can give to an image.
 */
export function demandImageName(image: string): string {
  if (image.includes('@') || /^[0-9a-f]{64}$/.test(image) || image.startsWith('sha256:')) {
    throw new OdoError('usage', `${image} is no name that an image can be given`, {
      hint: 'give --image or ODO_IMAGE as NAME:TAG, or leave it out',
    });
  }
  return TAGGED.test(image) ? image : `${image}:latest`;
}
