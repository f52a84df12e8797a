import { gunzipSync } from 'node:zlib';

/** A piece of memory for modules; a shared one may be seen by several threads. */
export interface WasmMemory<Buffer extends ArrayBufferLike> {
  readonly buffer: Buffer;
}

/** The part of WebAssembly that is used here: Node has it, but the types of Node lack it. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
  Memory: new (size: { initial: number; maximum: number; shared: true }) => WasmMemory<SharedArrayBuffer>;
}

const { Module, Instance, Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

const PAGE_BYTES = 1 << 16;

/** Compiles a module that is packed by gzip, in base64. */
export function compileWasm(packed: string): object {
  return new Module(gunzipSync(Buffer.from(packed, 'base64')));
}

export function instantiateWasm<Exports>(module: object, imports: object = {}): Exports {
  return new Instance(module, imports).exports as Exports;
}

/** Memory that threads share; it never grows. */
export function createSharedMemory(bytes: number): WasmMemory<SharedArrayBuffer> {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return new Memory({ initial: pages, maximum: pages, shared: true });
}
