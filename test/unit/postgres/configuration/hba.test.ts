import { describe, expect, it } from 'vitest';
import { refuseHbaFaults } from '../../../../src/postgres/configuration/hba.ts';

const SOUND = `# TYPE DATABASE USER ADDRESS METHOD
local all all peer
 hostssl "all" all ::/0 scram-sha-256

host all \\
  reader 10.0.0.0/8 md5
@include_other, not a rule # never seen: see below
`;

describe('a pg_hba.conf', () => {
  it('that a server would take is taken', () => {
    const rules = SOUND.split('\n').filter((line) => !line.startsWith('@'));
    expect(() => refuseHbaFaults(rules.join('\n'), '/x/pg_hba.conf')).not.toThrow();
  });

  it('is refused with the line at fault', () => {
    expect(() => refuseHbaFaults(SOUND, '/x/pg_hba.conf')).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringMatching(/^\/x\/pg_hba\.conf, line 7: .* @include_other$/),
      }),
    );
  });

  it.each(['', '# nothing\n\n'])('without a rule is refused: %j', (content) => {
    expect(() => refuseHbaFaults(content, '/x')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
