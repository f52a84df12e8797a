/** The words by which `docker compose` sees a certain project. */
export interface ComposeCall {
  files: readonly string[];
  projectName?: string | undefined;
  /** The folder at which relative paths of the files begin; the first file's folder when not given. */
  projectDirectory?: string | undefined;
  /** Files with the variables that the compose files name; `.env` of the project's directory when not given. */
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
