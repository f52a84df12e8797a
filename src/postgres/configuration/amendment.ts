import { quoteValue } from './recovery-settings.ts';
import type { UnfitSetting } from './unfit-settings.ts';

/** One change to the configuration of a backup, without which the server at hand would not start. Plain JSON. */
export type Amendment =
  /** Puts another value into postgresql.auto.conf. */
  | ({ do: 'set' } & UnfitSetting)
  /**
   * Makes comments of the setting's lines. The server accepts the name or the value from no file, or reads it before
   * postgresql.auto.conf.
   */
  | { do: 'drop'; name: string; was: string; why: string }
  /** Makes a comment of the line that includes this file or directory. */
  | { do: 'exclude'; value: string; why: string }
  /** Makes a file that is not there. */
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

/** The setting that an amendment changes, if it changes one. */
export function amendedName(amendment: Amendment): string | undefined {
  return amendment.do === 'set' || amendment.do === 'drop' ? amendment.name : undefined;
}
