import { expect, it } from 'vitest';
import type { CopyRequest, ServiceRequest } from '../../../../src/restore/contract/request.ts';
import { needOf } from '../../../../src/restore/rehearsal/rehearsed-server.ts';

const need = (request: object) => needOf(request as ServiceRequest | CopyRequest).needsLogin;
const momentWith = (action: string) => ({ target: {}, action });

it.each([
  [{ verify: 'stream' }, undefined],
  [{ verify: 'stream', postSql: 'scripts' }, '--post-sql'],
  [{ verify: 'full' }, '--verify full'],
  [{ verify: 'full', moment: momentWith('promote') }, '--verify full'],
  [{ verify: 'full', copy: { kind: 'temporary', port: 0 } }, '--verify full'],
  // A server that is left waiting is asked nothing: what of it can be verified takes no login.
  [{ verify: 'full', moment: momentWith('pause') }, undefined],
  [{ verify: 'full', moment: momentWith('shutdown') }, undefined],
  [{ verify: 'full', standby: {} }, undefined],
])('a restore with %j needs a login for %s', (request, option) => {
  expect(need(request)).toBe(option);
});
