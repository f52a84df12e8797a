/** ISA-L's gzip decoder, on one member at a time, with the memory it fills. */
export interface Inflater {
  /** As many chunks as were asked for, in memory that threads share. */
  readonly chunks: readonly Buffer[];
  begin(): void;
  /** Takes some of `input` from `from` on, and fills `chunk`, one of `chunks`, from `at` on. */
  step(input: Buffer, from: number, chunk: Buffer, at: number): State;
  /** Input bytes that the last step has used. */
  usedBytes(): number;
  /** Bytes that the last step has made. */
  madeBytes(): number;
  /** Is the member, now whole, what its trailer says? */
  isIntact(): boolean;
}

/** 1: the member is whole; 0: it goes on; less: it is damaged, and the number says how (igzip_lib.h). */
export type State = number;

/** Makes an inflater with so many chunks of a size. */
export type CreateInflater = (chunks: number, chunkBytes: number) => Inflater;
