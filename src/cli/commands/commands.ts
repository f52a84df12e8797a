import { asOdoError, OdoError } from '../../errors.ts';
import type { Proof, Report } from '../../events.ts';
import { promoteService } from '../../restore/afterwards/promote-service.ts';
import { rollbackService } from '../../restore/afterwards/rollback-service.ts';
import { listTemporary, stopTemporary } from '../../restore/afterwards/temporary-servers.ts';
import { cleanVolume, volumeStatus } from '../../restore/afterwards/volume-commands.ts';
import type {
  CopyRequest,
  DirectoryRequest,
  RepositoryRequest,
  ServiceRequest,
} from '../../restore/contract/request.ts';
import { serveAgent } from '../../restore/engine/agent.ts';
import { createDirectoryEngine } from '../../restore/engine/directory-engine.ts';
import type { Plan, Receipt } from '../../restore/outcome/receipt.ts';
import type { RunContext } from '../../restore/outcome/run-context.ts';
import { restoreCopy } from '../../restore/procedure/restore-copy.ts';
import { restoreDirectory } from '../../restore/procedure/restore-directory.ts';
import { restoreService } from '../../restore/procedure/restore-service.ts';
import { listBackups, showBackup } from '../../restore/proofs/catalogue.ts';
import { followService } from '../../restore/standby/follow-service.ts';
import { settleStore } from '../../store/kinds/open.ts';
import type { Arguments } from '../options/argument-values.ts';
import type { Result } from '../render/render.ts';
import { reportConfig } from '../settings/config-report.ts';
import type { SettingInForce } from '../settings/settings.ts';
import { VERSION } from '../settings/version.ts';
import { followRequest, repositoryRequest, restoreRequest, seconds, serviceTarget } from './arguments.ts';
import { confirmPlan, confirmQuestion, somebodyToAsk } from './ask.ts';

/** What a command gets from main.ts. */
export interface CommandContext {
  env: NodeJS.ProcessEnv;
  /** The settings in force, and where they come from. */
  settings: readonly SettingInForce[];
  report: Report;
  signal: AbortSignal;
  /** Shows the result. A command may show one and fail all the same. */
  show(result: Result): void;
  /** Where output goes when the terminal is lost. */
  logFile: string;
}

/** Carries out one command. */
export type Command = (args: Arguments, context: CommandContext) => Promise<void>;

export const restore: Command = async (args, { env, report, signal, show, logFile }) => {
  const request = await settled(restoreRequest(args, env));
  if (request.wipe && !request.dryRun && args.yes !== true && !somebodyToAsk()) {
    throw new OdoError(
      'usage',
      '--wipe deletes the old data before the new is proven, and there is no terminal to ask on',
      {
        hint: 'add --yes if that is what you want',
      },
    );
  }
  if (!request.dryRun) {
    tellLogFile('restore', { report, logFile });
  }
  const confirm = (plan: Plan) => confirmPlan(plan, { yes: args.yes === true, signal });
  show(await run(request, { report, signal, version: VERSION, confirm }));
};

export const check: Command = async (args, { env, report, signal, show }) => {
  const request = { ...(await settled(restoreRequest(args, env))), dryRun: true };
  const proofs: Proof[] = [];
  const collect: Report = (event) => {
    if (event.type === 'proof') {
      const { type: _type, ...proof } = event;
      proofs.push(proof);
    }
    report(event);
  };
  try {
    const plan = (await run(request, {
      report: collect,
      signal,
      version: VERSION,
      confirm: async () => false,
    })) as Plan;
    show({ kind: 'check', ok: true, proofs, plan });
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    if (proofs.some(({ state }) => state === 'failed'))
      show({ kind: 'check', ok: false, proofs, error: error.report() });
    throw error;
  }
};

export const list: Command = async (args, { env, report, signal, show }) => {
  const request = await settled(repositoryRequest(args, env));
  const found = await listBackups(request, report, signal);
  show(found);
  if (found.repositories.every(({ backups }) => backups.length === 0)) {
    throw new OdoError('notFound', `there is WAL under ${found.url}, and no backup`, {
      hint: 'WAL alone cannot be restored; check that --s3-url names the right server',
    });
  }
};

export const showOne: Command = async (args, { env, report, signal, show }) => {
  const request = await settled(repositoryRequest(args, env));
  show(await showBackup(request, typeof args.id === 'string' ? args.id : 'latest', report, signal));
};

export const rollback: Command = async (args, { report, signal, show, logFile }) => {
  const request = { target: serviceTarget(args), stopTimeoutSeconds: seconds(args, 'stop-timeout') };
  tellLogFile('rollback', { report, logFile });
  const confirm = (question: string) => confirmQuestion(question, { yes: args.yes === true, signal });
  show(await rollbackService(request, { report, signal, version: VERSION, confirm }));
};

export const promote: Command = async (args, { report, signal, show, logFile }) => {
  const request = { target: serviceTarget(args), stallTimeoutMs: seconds(args, 'stall-timeout') * 1000 };
  tellLogFile('promotion', { report, logFile });
  show(await promoteService(request, { report, signal, version: VERSION }));
};

export const follow: Command = async (args, { env, report, signal, show, logFile }) => {
  const request = await settled(followRequest(args, env));
  tellLogFile('following', { report, logFile });
  show(await followService(request, { report, signal, version: VERSION }));
};

export const status: Command = async (args, { report, signal, show }) =>
  show(await volumeStatus(serviceTarget(args), { report: unlessHeld(report), signal, version: VERSION }));

export const clean: Command = async (args, { report, signal, show, logFile }) => {
  const request = { target: serviceTarget(args), acceptLoss: args['accept-loss'] === true };
  tellLogFile('clean-up', { report, logFile });
  show(await cleanVolume(request, { report: unlessHeld(report), signal, version: VERSION }));
};

export const temporary: Command = async (args, { report, signal, show, logFile }) => {
  const name = args.name === undefined ? undefined : String(args.name);
  if (args.action !== 'stop') return show(await listTemporary(signal));
  tellLogFile('stopping', { report, logFile });
  show(await stopTemporary(name, signal));
};

export const config: Command = async (_args, { settings, show }) => show(reportConfig(settings));

export const agent: Command = async () => serveAgent(createDirectoryEngine(), process.stdin, process.stdout, VERSION);

async function settled<T extends RepositoryRequest>(request: T): Promise<T> {
  return { ...request, store: await settleStore(request.store) };
}

function run(request: DirectoryRequest | ServiceRequest | CopyRequest, context: RunContext): Promise<Plan | Receipt> {
  if ('into' in request) return restoreDirectory(request, context);
  return 'copy' in request ? restoreCopy(request, context) : restoreService(request, context);
}

/** Said first by every command that changes something. */
function tellLogFile(what: string, { report, logFile }: Pick<CommandContext, 'report' | 'logFile'>): void {
  report({
    type: 'note',
    level: 'info',
    message: `if this terminal is lost, the ${what} goes on and logs to ${logFile}`,
  });
}

/** For commands in which a check that held is no news. */
function unlessHeld(report: Report): Report {
  return (event) => {
    if (event.type !== 'proof' || event.state !== 'held') report(event);
  };
}
