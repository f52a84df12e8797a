/** A source of numbers that is the same on every run. */
export interface Random {
  /** An integer from 0 to `below` - 1. */
  below(below: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Marsaglia's xorshift with 32 bits: enough to damage files with. */
export function createRandom(seed: number): Random {
  let state = seed | 0 || 1;
  const below = (limit: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  return { below, pick: (items) => items[below(items.length)] as (typeof items)[number] };
}

/** The bytes with some changed, left out, said twice or cut off. */
export function damage(random: Random, bytes: Buffer, words: readonly string[] = []): Buffer {
  let result = Buffer.from(bytes);
  for (let count = 1 + random.below(4); count > 0 && result.length > 0; count--) {
    const at = random.below(result.length);
    const length = Math.min(random.below(40), result.length - at);
    const piece = result.subarray(at, at + length);
    const [before, after] = [result.subarray(0, at), result.subarray(at)];
    switch (random.below(words.length > 0 ? 6 : 5)) {
      case 0:
        result[at] = random.below(256);
        break;
      case 1:
        result[at] = (result[at] as number) ^ (1 << random.below(8));
        break;
      case 2:
        result = Buffer.concat([before, after.subarray(length)]);
        break;
      case 3:
        result = Buffer.concat([before, piece, after]);
        break;
      case 4:
        if (random.below(4) === 0) result = Buffer.from(before);
        break;
      default:
        result = Buffer.concat([before, Buffer.from(random.pick(words)), after]);
    }
  }
  return result;
}
