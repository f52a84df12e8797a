import { imageFileBeside } from '../../restore/engine/image-file.ts';
import { loadImageRequest } from '../request/arguments.ts';
import { confirmQuestion, somebodyToAsk } from '../request/ask.ts';
import type { Command, CommandContext } from '../request/command.ts';

/**
 * The command, which first offers to load the restore image. It does so when the engine lacks the image, and its
 * archive lies beside the program. People who said not to be asked, or are not there, are not asked: then a check of
 * the command names the way.
 */
export function offeringImage(command: Command): Command {
  return async (args, context) => {
    const file = imageFileBeside();
    const isAsked = args.yes !== true && args.json !== true && args.into === undefined && somebodyToAsk();
    if (file !== undefined && isAsked) await offer({ ...loadImageRequest({ image: args.image }), file }, context);
    await command(args, context);
  };
}

async function offer(
  request: { image: string; file: string },
  { report, signal }: Pick<CommandContext, 'report' | 'signal'>,
): Promise<void> {
  const { lacksImage } = await import('../../restore/image/lacks-image.ts');
  if (!(await lacksImage(request.image, signal))) return;
  const { loadImage } = await import('../../restore/image/load-image.ts');
  let isDeclined = false;
  async function confirm(question: string): Promise<boolean> {
    const answer = await confirmQuestion(question, { yes: false, signal });
    isDeclined = !answer && !signal.aborted;
    return answer;
  }
  try {
    await loadImage(request, { report, signal, confirm });
  } catch (error) {
    // The command goes on, and reports the missing image.
    if (!isDeclined) throw error;
  }
}
