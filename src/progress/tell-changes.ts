import type { Report } from '../events.ts';

/** Tells each warning when it begins to be true, and not as long as it stays so. */
export function tellChanges(report: Report): (messages: string[]) => void {
  let standing: readonly string[] = [];
  return (messages) => {
    for (const message of messages)
      if (!standing.includes(message)) report({ type: 'note', level: 'warning', message });
    standing = messages;
  };
}
