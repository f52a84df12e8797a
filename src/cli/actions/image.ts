import { loadImage } from '../../restore/image/load-image.ts';
import { loadImageRequest } from '../request/arguments.ts';
import { confirmQuestion } from '../request/ask.ts';
import type { Command } from '../request/command.ts';

export const image: Command = async (args, { report, signal, show }) => {
  const yes = args.yes === true;
  async function confirm(question: string): Promise<boolean> {
    // The words on what is done to the engine come first, also where nobody is asked.
    if (yes) report({ type: 'note', level: 'info', message: question });
    return confirmQuestion(question, { yes, signal });
  }
  show(await loadImage(loadImageRequest(args), { report, signal, confirm }));
};
