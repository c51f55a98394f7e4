import type { RoomSample } from "../remote/rooms.ts";
import type { Rates } from "./sample.ts";

export const ORDERS = ["traffic", "sessions", "size", "waiting", "name"] as const;
export type Order = (typeof ORDERS)[number];

/** Rooms in an order: the busiest, fullest, largest or most behind first; or by name. Of equal ones the fuller first. */
export function inOrder(rooms: readonly RoomSample[], order: Order, rates: Rates | null): RoomSample[] {
  const weight = WEIGHTS[order];
  const weighed = rooms.map((room) => ({
    room,
    weight: weight(room, rates),
    tie: order === "name" ? 0 : room.sessions,
  }));
  weighed.sort((a, b) => b.weight - a.weight || b.tie - a.tie || byName(a.room, b.room));
  return weighed.map(({ room }) => room);
}

const WEIGHTS: Readonly<Record<Order, (room: RoomSample, rates: Rates | null) => number>> = {
  traffic: (room, rates) => rates?.ofRoom(room) ?? 0,
  sessions: ({ sessions }) => sessions,
  size: ({ bytes }) => bytes,
  waiting: ({ uncommittedBytes }) => uncommittedBytes,
  name: () => 0,
};

function byName(a: RoomSample, b: RoomSample): number {
  return a.document < b.document ? -1 : a.document > b.document ? 1 : a.room - b.room;
}
