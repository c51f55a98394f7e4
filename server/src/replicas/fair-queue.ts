interface Waiting<Job> {
  readonly job: Job;
  readonly bytes: number;
}

/** What a job takes besides its bytes: the list of what it is about, which is not copied before its turn. */
const JOB_BYTES = 64 * 1024;
/** No document has more of the queue, so that many who want much of one leave room for others. */
const MAX_SHARE = 1 / 4;

/** Jobs that wait. Documents take turns; of one document the jobs come in order. Bounded in bytes. */
export class FairQueue<Job> {
  readonly #maxBytes: number;
  /** In the order of their turns; none is empty. */
  readonly #lines = new Map<string, Waiting<Job>[]>();
  #bytes = 0;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Returns whether there is room; there always is for the first of a queue and of a document's share. */
  add(document: string, job: Job, bytes: number): boolean {
    const line = this.#lines.get(document) ?? [];
    const weight = bytes + JOB_BYTES;
    const share = line.reduce((sum, waiting) => sum + waiting.bytes, weight);
    if (line.length > 0 && share > this.#maxBytes * MAX_SHARE) return false;
    if (this.#length > 0 && this.#bytes + weight > this.#maxBytes) return false;
    line.push({ job, bytes: weight });
    this.#lines.set(document, line);
    this.#bytes += weight;
    this.#length++;
    return true;
  }

  /** Takes out the next job; `null` when none waits. */
  take(): Job | null {
    for (const [document, line] of this.#lines) {
      const { job, bytes } = line.shift() as Waiting<Job>;
      this.#lines.delete(document);
      // Its next turn comes after everybody else's.
      if (line.length > 0) this.#lines.set(document, line);
      this.#bytes -= bytes;
      this.#length--;
      return job;
    }
    return null;
  }
}
