import { serveAgent } from '../../restore/engine/agent.ts';
import { createDirectoryEngine } from '../../restore/engine/directory-engine.ts';
import type { Command } from '../request/command.ts';
import { VERSION } from '../settings/version.ts';

export const agent: Command = async () => serveAgent(createDirectoryEngine(), process.stdin, process.stdout, VERSION);
