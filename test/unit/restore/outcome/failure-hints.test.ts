import { expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { ClusterPlaces } from '../../../../src/restore/contract/places.ts';
import type { ServiceRef, ServiceRequest } from '../../../../src/restore/contract/request.ts';
import { withKeptStaging, withLeftovers, withWayBack } from '../../../../src/restore/outcome/failure-hints.ts';

const TARGET: ClusterPlaces = { pgdata: { root: '/v/data', odoDir: '/v/.odo' }, tablespaces: [] };

function requestOf(serviceRef: Partial<ServiceRef> = {}, wipe = false): ServiceRequest {
  const named = {
    volume: 'db',
    service: 'db',
    composeFiles: ['a.yaml', 'my files/b.yaml'],
    image: 'odo:1',
    ...serviceRef,
  };
  return { wipe, serviceRef: named } as ServiceRequest;
}

const failure = () => new OdoError('recoveryFailed', 'it failed', { hint: 'first this' });

it('names the whole command that brings the old data back, for a shell to take', () => {
  const { code, message, hint } = withWayBack(failure(), requestOf(), TARGET);
  expect([code, message]).toEqual(['recoveryFailed', 'it failed']);
  expect(hint).toBe(
    'first this\nthe old data is kept in /v/.odo/previous; this brings it back: odo rollback -v db -n db -f ' +
      "a.yaml -f 'my files/b.yaml'",
  );
});

it('names the project and the image again where they were named', () => {
  const request = requestOf({ composeFiles: ['a.yaml'], projectName: 'shop', image: 'mine:2', namedImage: 'mine:2' });
  expect(withLeftovers(failure(), request).hint).toMatch(
    /odo clean -v db -n db -f a\.yaml --project-name shop --image mine:2$/,
  );
});

it('does not send anybody to delete old data that is the only copy without a word on that', () => {
  const onlyCopy = { because: 'the old data holds 2 commits' };
  const { hint } = withLeftovers(failure(), requestOf({ composeFiles: ['a.yaml'] }), onlyCopy);
  expect(hint).toContain('the old data is kept, since it is the only copy: the old data holds 2 commits');
  expect(hint).toMatch(/odo clean -v db -n db -f a\.yaml --accept-loss removes it for good$/);
});

it('gives the old data up again for whoever has given it up', () => {
  const request = { ...requestOf({ composeFiles: ['a.yaml'] }), acceptLoss: true };
  expect(withLeftovers(failure(), request).hint).toMatch(/odo clean -v db -n db -f a\.yaml --accept-loss$/);
});

it('names again all that compose has to be told', () => {
  const request = requestOf({ composeFiles: ['a.yaml'], projectDirectory: '..', envFiles: ['my prod.env', 'b.env'] });
  expect(withLeftovers(failure(), request).hint).toMatch(
    /odo clean -v db -n db --env-file 'my prod\.env' --env-file b\.env --project-directory \.\. -f a\.yaml$/,
  );
});

it('has no way back to tell of where the old data was deleted beforehand', () => {
  expect(withWayBack(failure(), requestOf({}, true), TARGET).hint).not.toContain('rollback');
});

it('says what was kept and what removes it', () => {
  const kept = { kept: true, wiped: false, odoDir: '/v/.odo', removal: 'rm -r /v/.odo' };
  expect(withKeptStaging(failure(), kept).hint).toMatch(
    /kept in \/v\/\.odo: .* goes on from there, rm -r \/v\/\.odo removes it$/,
  );
  const unchanged = failure();
  expect(withKeptStaging(unchanged, { ...kept, kept: false })).toBe(unchanged);
});
