/**
 * The note on what makes the archive of a restored server whole again, and why.
 * @param when a word for people
 */
export function newBackupDue(when: string): string {
  return (
    `take a new base backup ${when}: the server goes on on a timeline of its own, and what it writes before it ` +
    'archives is in no archive, so that the older backups may not lead to it'
  );
}
