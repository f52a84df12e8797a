/** Values from the command line and the settings, by long option name. */
export type Arguments = Readonly<Record<string, unknown>>;
