import { type Inspection, StructCursor, StructKind } from "@joinery/shared";
import type { ClockOf } from "./slice.ts";

/** What a walk does on its way. */
export interface Walk {
  /** The clock below which a client's structs are there already. */
  readonly known: ClockOf;
  /** Whether this client's structs may be taken from the update. */
  readonly mayBring?: (client: number) => boolean;
  /** Called for each struct that ends beyond what is known; the cursor is valid during the call only. */
  readonly visit?: (cursor: StructCursor) => void;
}

/** One client's structs: its cursor stands on the first that was not visited. */
interface Walker {
  readonly client: number;
  readonly cursor: StructCursor;
  /** A walker on the stack waits for the one above it. */
  state: "idle" | "on-stack" | "ended" | "stuck";
}

/** Who waits, and for what. */
interface Wait {
  readonly client: number;
  /** It is done once the client has reached more than this. */
  readonly clock: number;
}

/**
 * Walks the structs of an update in an order in which each comes after all that it refers to, as far as there is
 * one: Yjs integrates them so, whatever the order of the blocks.
 *
 * Cost: linear in structs; recursion is on a stack of its own.
 */
export class OrderedWalk {
  readonly #walk: Walk;
  readonly #walkers = new Map<number, Walker>();
  readonly #left: Iterator<Walker>;
  readonly #stack: Wait[] = [];
  readonly #reached = new Map<number, number>();
  readonly #missing = new Map<number, number>();
  readonly #clockOf: ClockOf = (client) => this.#reached.get(client) ?? this.#walk.known(client);

  constructor(update: Uint8Array, { blocks }: Inspection, walk: Walk) {
    this.#walk = walk;
    for (const block of blocks) {
      const { client } = block;
      this.#reached.set(client, walk.known(client));
      if (walk.mayBring && !walk.mayBring(client)) continue;
      const walker: Walker = { client, cursor: new StructCursor(update, block), state: "idle" };
      this.#advance(walker);
      this.#walkers.set(client, walker);
    }
    this.#left = this.#walkers.values();
  }

  /**
   * For each client of the update, the clock that was reached. It is below the end of the client's structs where
   * one of them refers to what is neither known nor in the update, or to something that waits for it in turn.
   */
  get reached(): ReadonlyMap<number, number> {
    return this.#reached;
  }

  /**
   * What those structs wait for that were not reached: for each client of which something is missing, the clock that it
   * has to reach first. Part of it may be in the update, and wait in turn.
   */
  get missing(): ReadonlyMap<number, number> {
    return this.#missing;
  }

  /** Goes on for that many steps, about one a struct. Returns whether there is more to do. */
  run(steps: number = Number.POSITIVE_INFINITY): boolean {
    for (let left = steps; left > 0; left--) {
      if (this.#stack.length === 0 && !this.#start()) return false;
      this.#step();
    }
    return true;
  }

  /** Puts the next client on the stack. */
  #start(): boolean {
    for (let next = this.#left.next(); !next.done; next = this.#left.next()) {
      const walker = next.value;
      if (walker.state !== "idle") continue;
      walker.state = "on-stack";
      this.#stack.push({ client: walker.client, clock: Number.POSITIVE_INFINITY });
      return true;
    }
    return false;
  }

  /** Takes the uppermost client of the stack one struct further, or puts the one on top that it waits for. */
  #step(): void {
    const stack = this.#stack;
    const { client, clock } = stack.at(-1) as Wait;
    const walker = this.#walkers.get(client) as Walker;
    const { cursor } = walker;
    const missing = firstMissing(cursor, this.#clockOf);
    if (missing) {
      const other = this.#walkers.get(missing.client);
      if (other?.state === "idle") {
        other.state = "on-stack";
        stack.push(missing);
      } else {
        // It is not in the update, or can go no further, or waits for this one in turn.
        walker.state = "stuck";
        this.#waitsFor(missing.client, missing.clock + 1);
        stack.pop();
      }
      return;
    }
    this.#walk.visit?.(cursor);
    const end = cursor.clock + cursor.length;
    this.#reached.set(client, end);
    this.#advance(walker);
    if (walker.state !== "on-stack") stack.pop();
    else if (end > clock) {
      walker.state = "idle";
      stack.pop();
    }
  }

  /** Moves to the next struct that is not known. */
  #advance(walker: Walker): void {
    const { cursor, client } = walker;
    const known = this.#clockOf(client);
    do {
      if (cursor.next()) continue;
      walker.state = "ended";
      return;
    } while (cursor.kind === StructKind.SKIP || cursor.clock + cursor.length <= known);
    if (cursor.clock <= known) return;
    walker.state = "stuck";
    this.#waitsFor(client, cursor.clock);
  }

  #waitsFor(client: number, clock: number): void {
    this.#missing.set(client, Math.min(clock, this.#missing.get(client) ?? Number.POSITIVE_INFINITY));
  }
}

/** A walk to its end. */
export function walkInOrder(
  update: Uint8Array,
  inspection: Inspection,
  walk: Walk,
): Pick<OrderedWalk, "reached" | "missing"> {
  const ordered = new OrderedWalk(update, inspection, walk);
  ordered.run();
  return ordered;
}

/** The first that a struct refers to and that is not there yet. */
function firstMissing(cursor: StructCursor, clockOf: ClockOf): Wait | null {
  // Of a struct that is known in part, the rest follows upon that.
  const isWhole = cursor.clock >= clockOf(cursor.client);
  if (isWhole && cursor.hasOrigin && cursor.originClock >= clockOf(cursor.originClient)) {
    return { client: cursor.originClient, clock: cursor.originClock };
  }
  if (cursor.hasRightOrigin && cursor.rightClock >= clockOf(cursor.rightClient)) {
    return { client: cursor.rightClient, clock: cursor.rightClock };
  }
  if (isWhole && cursor.parent === "item" && cursor.parentClock >= clockOf(cursor.parentClient)) {
    return { client: cursor.parentClient, clock: cursor.parentClock };
  }
  return null;
}
