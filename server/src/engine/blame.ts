import { LazyMap } from "./lazy-map.ts";

/** Who brought so much of what was too costly goes at once. */
const MAX_SHARE = 1 / 2;
/** Who brought less goes when his shares of what was too costly, time after time, come to this. */
const MAX_CHARGE = 1;

/** Who brings updates, as far as it matters here. */
export interface Suspect {
  /** Whether he has left: then he is not to blame any more, nor is anybody else for what he brought. */
  readonly isClosed: boolean;
}

/** What somebody brought into one batch of the log. */
interface Part<Writer> {
  readonly writer: Writer;
  readonly seq: number;
  weight: number;
}

interface BatchRange {
  readonly afterSeq: number;
  readonly seq: number;
}

/**
 * Keeps who brought what into which batch, as far as it counts, and finds who has to go for what it cost. What cannot
 * be told apart is nobody's fault. Holds an entry for each writer of each batch, and a number for who was blamed.
 */
export class Blame<Writer extends Suspect> {
  /** Oldest first. */
  #parts: Part<Writer>[] = [];
  /** Of each who is here: sums of his shares of what was too costly, each a part of one. */
  readonly #charges = new LazyMap<Writer, number>();

  /** @param seq The batch that it went into; never less than before. */
  add(writer: Writer, seq: number, weight: number): void {
    const last = this.#parts.at(-1);
    if (last?.writer === writer && last.seq === seq) last.weight += weight;
    else this.#parts.push({ writer, seq, weight });
  }

  /** The writer has left. */
  forget(writer: Writer): void {
    this.#charges.delete(writer);
  }

  /** Nothing up to this batch was too costly. */
  absolve(seq: number): void {
    this.#charges.clear();
    this.#take(seq);
  }

  /**
   * What came up to the batch `seq` was too costly.
   *
   * @param batchMs How long each batch took that came after `afterSeq`; empty if that is not known.
   * @returns Who has to go, if somebody has: who brought most of it, or much of it time after time.
   */
  judge({ afterSeq, seq }: BatchRange, batchMs: readonly number[]): Writer | null {
    let worst: Writer | null = null;
    let worstCharge = 0;
    for (const [writer, share] of sharesOf(this.#take(seq), afterSeq, batchMs)) {
      if (writer.isClosed) continue;
      const charge = (this.#charges.get(writer) ?? 0) + share;
      this.#charges.set(writer, charge);
      if (charge <= worstCharge || (share < MAX_SHARE && charge < MAX_CHARGE)) continue;
      worst = writer;
      worstCharge = charge;
    }
    return worst;
  }

  /** Takes out what came up to a batch. */
  #take(seq: number): readonly Part<Writer>[] {
    const parts = this.#parts;
    const end = parts.findIndex((part) => part.seq > seq);
    this.#parts = end < 0 ? [] : parts.slice(end);
    return end < 0 ? parts : parts.slice(0, end);
  }
}

/** What each writer's parts took of the whole; what several brought into one batch is shared by how much it was. */
function sharesOf<Writer>(
  parts: readonly Part<Writer>[],
  afterSeq: number,
  batchMs: readonly number[],
): ReadonlyMap<Writer, number> {
  const writers = new Set(parts.map(({ writer }) => writer));
  if (writers.size === 1) return new Map(Array.from(writers, (writer) => [writer, 1]));
  const allMs = batchMs.reduce((sum, ms) => sum + ms, 0);
  const shares = new Map<Writer, number>();
  if (allMs === 0) return shares;
  const weights = new Map<number, number>();
  for (const { seq, weight } of parts) weights.set(seq, (weights.get(seq) ?? 0) + weight);
  for (const { writer, seq, weight } of parts) {
    const ms = batchMs[seq - afterSeq - 1];
    if (ms === undefined) continue;
    const share = (ms / allMs) * (weight / (weights.get(seq) as number));
    shares.set(writer, (shares.get(writer) ?? 0) + share);
  }
  return shares;
}
