/** A duration for people: 83,000 ms are `1 min 23 s`, 850 ms are `0.9 s`. */
export function formatDuration(elapsedMs: number): string {
  const tenths = Math.round(elapsedMs / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(tenths / 10);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
