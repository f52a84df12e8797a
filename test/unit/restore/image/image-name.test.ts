import { expect, it } from 'vitest';
import { demandImageName } from '../../../../src/restore/image/image-name.ts';

it.each([
  ['odo:0.1.0', 'odo:0.1.0'],
  ['odo', 'odo:latest'],
  ['localhost:5000/tools/odo', 'localhost:5000/tools/odo:latest'],
  ['localhost:5000/tools/odo:next', 'localhost:5000/tools/odo:next'],
])('the image that %s means is %s', (given, name) => {
  expect(demandImageName(given)).toBe(name);
});

it.each(['odo@sha256:0123', 'sha256:0123', '0'.repeat(64)])('%s can be given to no image', (given) => {
  expect(() => demandImageName(given)).toThrow(expect.objectContaining({ code: 'usage' }));
});
