import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { connectDocker, type DockerEngine } from '../../docker/client/engine.ts';
import { type ImageInfo, inspectImage } from '../../docker/containers/image.ts';
import { loadArchive } from '../../docker/containers/load-archive.ts';
import { ROLE_LABEL } from '../../docker/containers/odo-containers.ts';
import { openRestoreContainer } from '../../docker/containers/restore-container.ts';
import { OdoError } from '../../errors.ts';
import { inPhase } from '../../events.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import { createTally } from '../../progress/tally.ts';
import { BUILD, VERSION } from '../engine/build.ts';
import { imageFileBeside, imageFileName } from '../engine/image-file.ts';
import { openRemoteEngine } from '../engine/remote-engine.ts';
import type { RunContext } from '../outcome/run-context.ts';
import { BUILD_LABEL, VERSION_LABEL } from './archive-format.ts';
import { type ImageArchive, readImageArchive } from './image-archive.ts';
import { demandImageName } from './image-name.ts';
import { sendArchive } from './send-archive.ts';

/** What to load, and where to. */
export interface LoadImageRequest {
  /** The archive; the one beside this program when not given. */
  file?: string;
  /** The name that the image gets: the one that commands look for. */
  image: string;
}

/** What loading came to. */
export interface ImageLoaded {
  kind: 'image-loaded';
  image: string;
  /** The image's id, as the engine names it. */
  id: string;
  version: string;
  build: string;
  /** Where the engine listens. */
  engine: string;
  /** The image was there already, and was left as it is. */
  wasThere: boolean;
}

interface LoadContext extends Pick<RunContext, 'report' | 'signal'> {
  /** Asked before anything is given to the engine; false cancels. */
  confirm(question: string): Promise<boolean>;
}

/**
 * Loads the restore image of this very build into the engine. The archive is read through first: a damaged one, or that
 * of another build, is refused. Then the image is started once, so that a restore will not be the first to find out
 * that it does not run.
 */
export async function loadImage(request: LoadImageRequest, context: LoadContext): Promise<ImageLoaded> {
  const { report, signal } = context;
  const image = demandImageName(request.image);
  const file = request.file ?? demandFileBeside();
  const docker = await connectDocker(process.env, signal);
  const archive = await inPhase(report, 'read-image', () => readThrough(file, context));
  demandSameBuild(archive);

  const present = await inspectImage(docker, image);
  const wasThere = present !== undefined && isOf(archive, present);
  if (!wasThere) {
    if (!(await context.confirm(questionOf(archive, docker, image, present))))
      throw new OdoError('cancelled', 'cancelled before anything was loaded');
    await inPhase(report, 'load-image', () => loadArchive(docker, sendArchive(archive, image), file, signal));
  }
  const loaded = await inspectImage(docker, image);
  if (!loaded || !isOf(archive, loaded)) {
    throw new OdoError('versionMismatch', `the engine's ${image} is not what ${file} holds`, {
      hint: 'does something else give that name to an image? run the same command again',
    });
  }
  await inPhase(report, 'try-image', () => tryImage(docker, image, signal));
  const { id } = loaded;
  return { kind: 'image-loaded', image, id, version: VERSION, build: BUILD, engine: docker.host, wasThere };
}

function demandFileBeside(): string {
  const file = imageFileBeside();
  if (file !== undefined) return file;
  throw new OdoError('usage', `there is no ${imageFileName(VERSION)} beside this program`, {
    hint: 'put it there, or name it: odo image load FILE',
  });
}

async function readThrough(file: string, { report, signal }: LoadContext): Promise<ImageArchive> {
  const totalBytes = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const tally = createTally('read-image', { totalBytes }, report);
  return readImageArchive(file, { signal, tellRead: (bytes) => tally.read(bytes) });
}

function demandSameBuild({ file, version, build }: ImageArchive): void {
  if (version === VERSION && build === BUILD) return;
  const message =
    version === VERSION
      ? `${file} holds another build of ODO ${version} (${build}) than this program (${BUILD})`
      : `${file} holds ODO ${version}, and this is ODO ${VERSION}`;
  throw new OdoError('versionMismatch', message, {
    hint: 'command and image must come from one build: take both from the same release',
  });
}

function isOf(archive: ImageArchive, { layers, labels }: ImageInfo): boolean {
  return labels[BUILD_LABEL] === archive.build && layers.join() === archive.layers.join();
}

/** What will be done to the engine. */
function questionOf(
  archive: ImageArchive,
  docker: DockerEngine,
  image: string,
  present: ImageInfo | undefined,
): string {
  const shortId = (id: string) => id.replace('sha256:', '').slice(0, 12);
  const tag =
    present === undefined
      ? `the tag ${image} will be made`
      : `the tag ${image} will be moved from image ${shortId(present.id)} (${whatItHolds(present)}), which stays ` +
        'without that name';
  return (
    `the restore image of ODO ${archive.version} (build ${archive.build}) will be loaded into the engine at ` +
    `${docker.host} (version ${docker.version}): ${formatBytes(archive.unpackedBytes)}, less what it has of it ` +
    `already; ${tag}`
  );
}

function whatItHolds({ labels }: ImageInfo): string {
  const { [VERSION_LABEL]: version, [BUILD_LABEL]: build } = labels;
  return version === undefined ? 'which does not say what it holds' : `ODO ${version}, build ${build}`;
}

/** Starts a container of the image, with nothing of the host in it, and demands that this build answers. */
async function tryImage(docker: DockerEngine, image: string, signal: AbortSignal): Promise<void> {
  const container = await openRestoreContainer(
    docker,
    {
      image,
      cmd: ['agent'],
      mounts: [],
      network: 'none',
      name: `odo-try-${randomBytes(6).toString('hex')}`,
      labels: { [ROLE_LABEL]: 'probe' },
    },
    signal,
  );
  const engine = await openRemoteEngine(container, image, VERSION);
  await engine.close();
}
