import type { Command } from '../request/command.ts';
import { reportConfig } from '../settings/config-report.ts';

export const config: Command = async (_args, { settings, show }) => show(reportConfig(settings));
