import { quoteValue } from './recovery-settings.ts';
import type { UnfitSetting } from './unfit-settings.ts';

/**
 * One change to the configuration that a backup brings, without which the server at hand would not start; plain JSON.
 */
export type Amendment =
  /** Another value, in postgresql.auto.conf. */
  | ({ do: 'set' } & UnfitSetting)
  /**
   * Its lines are made comments: the server takes the name or the value from no file, or reads it before
   * postgresql.auto.conf.
   */
  | { do: 'drop'; name: string; was: string; why: string }
  /** The line that includes this file or directory is made a comment. */
  | { do: 'exclude'; value: string; why: string }
  /** A file that is not there is made. */
  | { do: 'make'; file: 'postgresql.conf' | 'pg_hba.conf'; content: string; why: string };

/** What was done and why, for people. */
export function amendmentNote(amendment: Amendment): string {
  switch (amendment.do) {
    case 'set':
      return (
        `${amendment.name} is ${quoteValue(amendment.value)} instead of ${quoteValue(amendment.was)}: ` +
        `${amendment.why}`
      );
    case 'drop':
      return `${amendment.name} = ${quoteValue(amendment.was)} was taken out of the configuration: ${amendment.why}`;
    case 'exclude':
      return `the line of the configuration that includes ${amendment.value} was taken out: ${amendment.why}`;
    case 'make':
      return `${amendment.file} was made anew: ${amendment.why}`;
  }
}

/** The setting that it changes, if it is one. */
export function amendedName(amendment: Amendment): string | undefined {
  return amendment.do === 'set' || amendment.do === 'drop' ? amendment.name : undefined;
}
