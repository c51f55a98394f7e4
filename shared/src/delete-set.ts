import * as encoding from "lib0/encoding";

/** Deleted ticks of one client: ranges from `starts[i]` up to, not including, `ends[i]`; ascending and disjoint. */
export interface DeletedTicks {
  readonly starts: ArrayLike<number>;
  readonly ends: ArrayLike<number>;
}

/** Deletes nothing. */
export const EMPTY_DELETE_SET: Uint8Array = Uint8Array.of(0);

/** Encodes a Yjs v1 delete set, clients descending as Yjs writes them; clients without ranges are left out. */
export function encodeDeleteSet(
  clients: Iterable<readonly [client: number, ticks: DeletedTicks]>,
): Uint8Array {
  const encoder = encoding.createEncoder();
  const present = [...clients].filter(([, { starts }]) => starts.length > 0);
  encoding.writeVarUint(encoder, present.length);
  for (const [client, { starts, ends }] of present.sort(([a], [b]) => b - a)) {
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, starts.length);
    for (let i = 0; i < starts.length; i++) {
      const start = starts[i] as number;
      encoding.writeVarUint(encoder, start);
      encoding.writeVarUint(encoder, (ends[i] as number) - start);
    }
  }
  return encoding.toUint8Array(encoder);
}
