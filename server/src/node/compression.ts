import { promisify } from "node:util";
import { deflateRaw } from "node:zlib";
import type { Compression } from "../engine/ports.ts";

const deflate = promisify(deflateRaw);

/** One after the other: the disk uses the same few threads. */
let last: Promise<unknown> = Promise.resolve();

/** Compresses in the thread pool of libuv. */
export const THREAD_POOL_COMPRESSION: Compression = {
  deflate(bytes) {
    const deflated = last.then(() => deflate(bytes));
    last = deflated.catch(() => undefined);
    return deflated;
  },
};
