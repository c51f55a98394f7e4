import type { DeletedTicks } from "@joinery/shared";

/** Ticks of one client under construction. */
export interface TickLists extends DeletedTicks {
  readonly starts: number[];
  readonly ends: number[];
}

/** Appends a range to its client's; one that begins where the last ends lengthens that. */
export function noteTicks(clients: Map<number, TickLists>, client: number, start: number, end: number): void {
  let lists = clients.get(client);
  if (!lists) {
    lists = { starts: [], ends: [] };
    clients.set(client, lists);
  }
  const { starts, ends } = lists;
  if (ends.at(-1) === start) ends[ends.length - 1] = end;
  else {
    starts.push(start);
    ends.push(end);
  }
}
