import type { Product } from '../product.ts';
import type { Random } from '../random.ts';
import type { Stage } from './stage.ts';
import type { World } from './world.ts';

/** What an operation can lay hands on. */
export interface Scene {
  stage: Stage;
  product: Product;
  random: Random;
  /** Tells what was done, for the report of a defect. */
  note(text: string): void;
  /** Counts how a command has ended. */
  ended(command: string, code: number | null): void;
  /** A tag that no row has yet. */
  newTag(): string;
}

/** One step of a sequence: a command of ODO, or something that people do. */
export interface Operation {
  name: string;
  about: string;
  /** How often it is drawn, beside the others (default 1). */
  weight?: number;
  applies(world: World): boolean;
  /**
   * Does it, and gives every world that may be the one after it. A Defect says that something was seen that must not
   * be; the worlds are compared with the real thing by whoever plays the sequence.
   */
  play(world: World, scene: Scene): Promise<readonly World[]>;
}
