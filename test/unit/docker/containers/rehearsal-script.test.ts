import { describe, expect, it } from 'vitest';
import { readAnswers } from '../../../../src/docker/containers/rehearsal-script.ts';

describe('what a rehearsal answers', () => {
  it('is one line for each question, whether the server came up, and its words', () => {
    expect(readAnswers('yes\nno\n-- log\nstarted\nLOG:  x\n', 2)).toEqual({
      answers: [true, false],
      started: true,
      hung: false,
      log: 'LOG:  x\n',
    });
    expect(readAnswers('-- log\nFATAL:  y\n', 0)).toEqual({
      answers: [],
      started: false,
      hung: false,
      log: 'FATAL:  y\n',
    });
    expect(readAnswers('-- log\nhung\nLOG:  z\n', 0)).toEqual({
      answers: [],
      started: false,
      hung: true,
      log: 'LOG:  z\n',
    });
  });

  it('is also a start when the server was quicker to recover than to be looked at', () => {
    const log = 'LOG:  starting archive recovery\nFATAL:  could not locate required checkpoint record\n';
    expect(readAnswers(`-- log\n${log}`, 0)).toEqual({ answers: [], started: true, hung: false, log });
  });
});
