import { expect, it } from 'vitest';
import type { OdoEvent } from '../../../src/events.ts';
import { tellChanges } from '../../../src/progress/tell-changes.ts';

it('tells a warning when it begins to be true, and again when it does so again', () => {
  const events: OdoEvent[] = [];
  const tell = tellChanges((event) => events.push(event));
  for (const standing of [['a'], ['a'], ['a', 'b'], ['b'], ['b', 'a'], [], ['a']]) tell(standing);
  expect(events).toEqual(['a', 'b', 'a', 'a'].map((message) => ({ type: 'note', level: 'warning', message })));
});
