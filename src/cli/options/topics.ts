import type { Options } from 'yargs';
import { OUTPUT_OPTIONS, RESTORE_OPTIONS, SERVICE_OPTIONS, STORE_OPTIONS } from './options.ts';

/** The options by topic, as --help, the man page and `odo config` show them. */
export const TOPICS = {
  store: { title: 'Where the backups are:', options: STORE_OPTIONS },
  service: { title: 'Which service:', options: SERVICE_OPTIONS },
  restore: { title: 'What is restored, and how:', options: RESTORE_OPTIONS },
  output: { title: 'Output and settings:', options: OUTPUT_OPTIONS },
} as const satisfies Record<string, { title: string; options: Record<string, Options> }>;

export type Topic = keyof typeof TOPICS;

/** Every option by its long name. */
export const ALL_OPTIONS: Readonly<Record<string, Options>> = Object.assign(
  {},
  ...Object.values(TOPICS).map(({ options }) => options),
);

/**
 * The options of some topics, and single ones of others, as yargs gets them: in groups, and with their defaults only as
 * text. So the parsed values are the given ones, and other sources of values can come between them and the defaults.
 */
export function optionsOf(topics: readonly Topic[], also: readonly string[] = []): Record<string, Options> {
  const entries = (Object.keys(TOPICS) as Topic[]).flatMap((topic) => {
    const { title, options } = TOPICS[topic];
    const meant = Object.entries<Options>(options).filter(([name]) => topics.includes(topic) || also.includes(name));
    return meant.map(([name, { default: standard, ...rest }]) => {
      const shown = standard === undefined || standard === false ? {} : { defaultDescription: String(standard) };
      return [name, { ...rest, ...shown, group: title }] as const;
    });
  });
  return Object.fromEntries(entries);
}

/**
 * The environment variables that an option's description names in brackets at its end. The first one that is set
 * counts.
 */
export function variablesOf({ describe }: Options): string[] {
  return /\[([A-Z0-9_, ]+)\]$/.exec(describe ?? '')?.[1]?.split(', ') ?? [];
}

/** Whether an option's value must not be shown. */
export function isSecret(name: string): boolean {
  return /secret|token|password|conninfo/.test(name);
}
