import type { ServerConnection } from "./connection.ts";
import { Fields } from "./fields.ts";

/** What the server gives at once at most. */
const PAGE_ROOMS = 1000;
/** Of more rooms than that, those that were opened first are looked at. */
const MAX_ROOMS = 10_000;

/** A document in the server's memory. */
export interface RoomSample {
  /** Number of the room: a document that is loaded again has another one. */
  readonly room: number;
  readonly document: string;
  readonly state: string;
  readonly sessions: number;
  readonly seq: number;
  /** The last batch that is on disk. */
  readonly durableSeq: number;
  readonly bytes: number;
  readonly uncommittedBytes: number;
  /** In milliseconds since 1970; 0 while it loads. */
  readonly loadedAt: number;
  /** Since it was loaded. */
  readonly batches: number;
}

/** Rejects as `ServerConnection.call`. Cost: a request for each thousand rooms. */
export async function listRooms(connection: ServerConnection): Promise<RoomSample[]> {
  const rooms: RoomSample[] = [];
  let after: number | null = null;
  do {
    const query = { limit: PAGE_ROOMS, ...(after !== null && { after }) };
    const page: Fields = new Fields(await connection.json({ path: ["rooms"], query }), "a list of rooms");
    rooms.push(...page.each("rooms").map(roomOf));
    after = page.value("next") === null ? null : page.whole("next");
  } while (after !== null && rooms.length < MAX_ROOMS);
  return rooms;
}

function roomOf(room: Fields): RoomSample {
  return {
    room: room.whole("room"),
    document: room.text("document"),
    state: room.text("state"),
    sessions: room.whole("sessions"),
    seq: room.whole("seq"),
    durableSeq: room.whole("durableSeq"),
    bytes: room.whole("bytes"),
    uncommittedBytes: room.whole("uncommittedBytes"),
    loadedAt: room.time("loadedAt"),
    batches: room.whole("batches"),
  };
}
