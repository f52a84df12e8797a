import { asOdoError, OdoError } from '../../errors.ts';
import type { Proof, Report } from '../../events.ts';
import type { CopyRequest, DirectoryRequest, ServiceRequest } from '../../restore/contract/request.ts';
import { intoCopy } from '../../restore/into-copy/restore-into-copy.ts';
import { intoDirectory } from '../../restore/into-directory/restore-into-directory.ts';
import { intoService } from '../../restore/into-service/restore-into-service.ts';
import type { Plan, Receipt } from '../../restore/outcome/receipt.ts';
import type { RunContext } from '../../restore/outcome/run-context.ts';
import { restore as restoreTo } from '../../restore/procedure/restore.ts';
import { restoreRequest } from '../request/arguments.ts';
import { confirmPlan, somebodyToAsk } from '../request/ask.ts';
import type { Command } from '../request/command.ts';
import { VERSION } from '../settings/version.ts';
import { offeringImage } from './offer-image.ts';
import { settled } from './settled.ts';
import { tellLogFile } from './tell-log-file.ts';

export const restore: Command = offeringImage(async (args, { env, report, signal, show, logFile }) => {
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
});

export const check: Command = offeringImage(async (args, { env, report, signal, show }) => {
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
});

function run(request: DirectoryRequest | ServiceRequest | CopyRequest, context: RunContext): Promise<Plan | Receipt> {
  if ('into' in request) return restoreTo(intoDirectory(request), request, context);
  if ('copy' in request) return restoreTo(intoCopy(request), request, context);
  return restoreTo(intoService(request), request, context);
}
