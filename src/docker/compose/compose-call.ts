/** What `docker compose` has to be told to see a certain project. */
export interface ComposeCall {
  files: readonly string[];
  projectName?: string | undefined;
  /** What relative paths of the files begin at; the first file's folder when not given. */
  projectDirectory?: string | undefined;
  /** With the variables that the files name; `.env` of the project's directory when not given. */
  envFiles?: readonly string[] | undefined;
}

/** The flags, as they come before compose's own command. */
export function composeFlags({ files, projectName, projectDirectory, envFiles = [] }: ComposeCall): string[] {
  return [
    ...envFiles.flatMap((file) => ['--env-file', file]),
    ...(projectDirectory === undefined ? [] : ['--project-directory', projectDirectory]),
    ...files.flatMap((file) => ['-f', file]),
    ...(projectName === undefined ? [] : ['--project-name', projectName]),
  ];
}
