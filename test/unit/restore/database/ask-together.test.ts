import { describe, expect, it } from 'vitest';
import { outcomesOf, together } from '../../../../src/restore/database/ask-together.ts';

describe('questions of the same moment', () => {
  function collecting(most = 10, answer = (question: string) => question.toUpperCase()) {
    const calls: (readonly string[])[] = [];
    const ask = together(async (questions: readonly string[]) => {
      calls.push(questions);
      return questions.map(answer);
    }, most);
    return { ask, calls };
  }

  it('share a call, and each gets its own answer', async () => {
    const { ask, calls } = collecting();
    expect(await Promise.all(['a', 'b', 'c'].map(ask))).toEqual(['A', 'B', 'C']);
    expect(calls).toEqual([['a', 'b', 'c']]);
  });

  it('share one also where they come out of answers of the same call', async () => {
    const { ask, calls } = collecting();
    const two = async (first: string, second: string) => [await ask(first), await ask(second)];
    expect(await Promise.all([two('a', 'b'), two('c', 'd')])).toEqual([
      ['A', 'B'],
      ['C', 'D'],
    ]);
    expect(calls).toEqual([
      ['a', 'c'],
      ['b', 'd'],
    ]);
  });

  it('are split where they are too many', async () => {
    const { ask, calls } = collecting(2);
    expect(await Promise.all(['a', 'b', 'c', 'd', 'e'].map(ask))).toEqual(['A', 'B', 'C', 'D', 'E']);
    expect(calls.map((questions) => questions.length)).toEqual([2, 2, 1]);
  });

  it('that wait for each other go one by one', async () => {
    const { ask, calls } = collecting();
    await ask('a');
    await ask('b');
    expect(calls).toEqual([['a'], ['b']]);
  });

  it('share the failure of their call, but not that of another', async () => {
    const { ask } = collecting(2, (question) => {
      if (question === 'b') throw new Error('the engine is away');
      return question;
    });
    const settled = await Promise.allSettled(['a', 'b', 'c'].map(ask));
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(await ask('d')).toBe('d');
  });
});

describe('the outcomes of questions that were asked in one call', () => {
  it('are told apart by the mark, whatever they say', () => {
    const stdout = 'one\ttwo\n\nMARK 0\nMARK 1\nthree\nMARK 0\n';
    const stderr = 'WARNING:  something\nMARK\nERROR:  no\nLINE 1: select\nMARK\nMARK\n';
    expect(outcomesOf({ exitCode: 0, stdout, stderr }, 'MARK', 3)).toEqual([
      { exitCode: 0, stdout: 'one\ttwo\n\n', stderr: 'WARNING:  something\n' },
      { exitCode: 1, stdout: '', stderr: 'ERROR:  no\nLINE 1: select\n' },
      { exitCode: 0, stdout: 'three\n', stderr: '' },
    ]);
  });

  it('are that of the whole where it ended before', () => {
    expect(outcomesOf({ exitCode: 97, stdout: '', stderr: '' }, 'MARK', 2)).toEqual([
      { exitCode: 97, stdout: '', stderr: '' },
      { exitCode: 97, stdout: '', stderr: '' },
    ]);
    // Its container was killed in the middle of the second.
    expect(outcomesOf({ exitCode: 137, stdout: 'one\nMARK 0\ntw', stderr: 'MARK\nFATAL:  x' }, 'MARK', 3)).toEqual([
      { exitCode: 0, stdout: 'one\n', stderr: '' },
      { exitCode: 137, stdout: 'tw', stderr: 'FATAL:  x' },
      { exitCode: 137, stdout: '', stderr: '' },
    ]);
  });

  it('are none where the whole has ended well without them', () => {
    expect(outcomesOf({ exitCode: 0, stdout: 'MARK 0\n', stderr: 'MARK\n' }, 'MARK', 2)).toEqual([
      { exitCode: 0, stdout: '', stderr: '' },
      { exitCode: -1, stdout: '', stderr: '' },
    ]);
  });
});
