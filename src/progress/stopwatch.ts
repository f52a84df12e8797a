import type { Phase, Report } from '../events.ts';

/** Passes events on and keeps how long each phase took. */
export function timePhases(report: Report): { report: Report; phases: { phase: Phase; elapsedMs: number }[] } {
  const phases: { phase: Phase; elapsedMs: number }[] = [];
  return {
    phases,
    report(event) {
      if (event.type === 'phase' && event.state === 'finished')
        phases.push({ phase: event.phase, elapsedMs: event.elapsedMs });
      report(event);
    },
  };
}
