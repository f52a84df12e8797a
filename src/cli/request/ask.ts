import readline from 'node:readline';
import { OdoError } from '../../errors.ts';
import type { Plan } from '../../restore/outcome/receipt.ts';
import { planWords } from '../render/words.ts';

/** Whether questions reach a person. */
export function somebodyToAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Shows the plan and asks, when there is somebody to ask. Scripts and `--yes` go on without a question. */
export async function confirmPlan(plan: Plan, options: { yes: boolean; signal: AbortSignal }): Promise<boolean> {
  if (options.yes || !somebodyToAsk()) return true;
  process.stderr.write(`${planWords(plan)}\n`);
  return isYes(await ask('Go on? [y/N] ', options.signal));
}

/**
 * Asks before something that was not asked for in so many words. `usage` when there is nobody to ask and no `--yes`.
 */
export async function confirmQuestion(
  question: string,
  options: { yes: boolean; signal: AbortSignal },
): Promise<boolean> {
  if (options.yes) return true;
  if (!somebodyToAsk()) {
    throw new OdoError('usage', `${question.replace(/\.$/, '')} – and there is no terminal to ask on`, {
      hint: 'add --yes if that is what you want',
    });
  }
  process.stderr.write(`${question}\n`);
  return isYes(await ask('Go on? [y/N] ', options.signal));
}

function isYes(answer: string): boolean {
  return /^y(es)?$/i.test(answer.trim());
}

/** Asks a question. The answer is empty when the person presses Ctrl-C or Ctrl-D, or is gone with the terminal. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  // The terminal itself edits the line. Node would set it to another mode, which ends the process when the terminal is
  // gone.
  const dialogue = readline.createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    return await new Promise((resolve) => {
      const nothing = () => resolve('');
      signal.addEventListener('abort', nothing, { once: true });
      process.stdin.once('error', nothing);
      dialogue.on('close', nothing);
      dialogue.question(question, resolve);
    });
  } finally {
    dialogue.close();
  }
}
