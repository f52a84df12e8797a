/** What was given on the command line and in settings: values by long option name. */
export type Arguments = Readonly<Record<string, unknown>>;
