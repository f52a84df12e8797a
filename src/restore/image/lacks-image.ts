import { connectDocker } from '../../docker/client/engine.ts';
import { inspectImage } from '../../docker/containers/image.ts';
import { BUILD } from '../engine/build.ts';
import { BUILD_LABEL } from './archive-format.ts';

/**
 * Whether the engine surely has no restore image of this build under that name. False for an image without a build
 * label, which may be of this build. False when the engine does not answer, since that has to be told first.
 */
export async function lacksImage(image: string, signal: AbortSignal): Promise<boolean> {
  try {
    const present = await inspectImage(await connectDocker(process.env, signal), image);
    return present === undefined || (present.labels[BUILD_LABEL] ?? BUILD) !== BUILD;
  } catch (error) {
    if (signal.aborted) throw error;
    return false;
  }
}
