import { type FileHandle, open } from "node:fs/promises";

const PIECE_BYTES = 256 * 1024;

/** Does something with a file, and closes it. */
export async function withFile<T>(path: string, work: (pieces: FilePieces) => Promise<T>): Promise<T> {
  const pieces = await FilePieces.open(path);
  try {
    return await work(pieces);
  } finally {
    await pieces.close();
  }
}

/** Reads a file piece by piece, so that a large one does not have to be in memory. */
export class FilePieces {
  readonly #file: FileHandle;
  /** Made when somebody reads on. */
  #piece: Uint8Array | null = null;
  #start = 0;
  #end = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<FilePieces> {
    return new FilePieces(await open(path, "r"));
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Bytes from an offset on, as many as there are at once; none at the end. A view, until the next call. */
  async from(offset: number): Promise<Uint8Array> {
    if (offset < this.#start || offset >= this.#end) {
      this.#start = offset;
      this.#piece ??= new Uint8Array(PIECE_BYTES);
      this.#end = offset + (await this.#fill(this.#piece, offset));
    }
    return (this.#piece as Uint8Array).subarray(offset - this.#start, this.#end - this.#start);
  }

  /**
   * So many bytes, in an array of their own.
   *
   * @throws Error when the file ends before them.
   */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    if ((await this.#fill(bytes, offset)) < length) throw new Error("the file ends too early");
    return bytes;
  }

  /** The same, where what follows is read next. */
  async readOn(offset: number, length: number): Promise<Uint8Array> {
    const known = this.#start <= offset && offset + length <= this.#end;
    if (!known && length > PIECE_BYTES / 2) return this.read(offset, length);
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const part = await this.from(offset + at);
      if (part.length === 0) throw new Error("the file ends too early");
      bytes.set(part.subarray(0, length - at), at);
      at += part.length;
    }
    return bytes;
  }

  async #fill(bytes: Uint8Array, offset: number): Promise<number> {
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.#file.read(bytes, filled, bytes.length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }
}
