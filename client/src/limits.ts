/**
 * The client's bounds, each with its reason. Times are in milliseconds. Those of the offline store are where they are
 * used, as it is loaded on its own.
 */

// Coming back

/** The longest pause before the second attempt; it doubles with each. */
export const FIRST_PAUSE_MS = 1_000;
export const LONGEST_PAUSE_MS = 30_000;
/** Whoever was let in and thrown out sooner was not let in: the pauses go on growing. */
export const STEADY_MS = 5_000;
/** A person may be waiting, whatever the server asks for. */
export const MAX_AWAY_MS = 5 * 60_000;

// The connection

/** How long opening a socket and greeting may take together. */
export const CONNECT_TIMEOUT_MS = 20_000;
/** How long the application's function may take. */
export const TOKEN_TIMEOUT_MS = 20_000;
/** Documents that want a new token of the connection within this time get the same one. */
export const RENEWAL_MS = 1_000;
/** Silence after which the server is asked whether it is there, and how long it has to answer. */
export const SILENCE_MS = 15_000;
export const ANSWER_MS = 10_000;
/** How long a link has to show that it lives when the platform says that there is no network. */
export const OFFLINE_ANSWER_MS = 2_000;

// What is sent

/** Unsent bytes above which writers are not asked: what they have can still be merged. */
export const MAX_BUFFERED_BYTES = 512 * 1024;
/**
 * Frames are put together up to this, or to what the server takes if that is less; a larger one goes alone. On a slow
 * link the server says of the parts of a large frame no sooner that they are there than all of a message is.
 */
export const MAX_MESSAGE_BYTES = 64 * 1024;
/** A type, a length and a channel's number. */
export const MAX_SELECT_BYTES = 10;
/** A WebSocket does not tell when it has drained. */
export const POLL_MS = 20;
/** A larger state vector goes on its own, because OPEN cannot be fragmented. */
export const MAX_OPEN_VECTOR_BYTES = 64 * 1024;
/** How long to wait for a word on a large frame: as long as a link may be silent, and a little more. */
export const PATIENCE_MS = 30_000;

// What is kept

/**
 * Largest frame that may come in parts, and largest that may come out of a compressed one: twice the document that a
 * server takes by default. Memory is taken as it comes. A larger document is refused: it would be as large next time.
 */
export const MAX_FRAME_BYTES = 512 * 1024 * 1024;
/**
 * Updates that may wait while a snapshot is inflated, in bytes. That takes a second or two for the largest, in which
 * not so much is written; above it the document is asked for anew.
 */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Bytes of remote updates kept in case the server loses them; above it the copy has no revision for a while. */
export const MAX_KEPT_BYTES = 8 * 1024 * 1024;
/** Yjs sorts all its inputs at every struct: merged in groups of so many it stays near linear. */
export const MERGE_GROUP = 64;
/** This many chunks of one level become one of the next: days of typing offline stay a few hundred chunks. */
export const MERGED_AT_ONCE = 64;

// Presence

export const PRESENCE_THROTTLE_MS = 50;
export const TYPING_MS = 3_000;
/** Somebody who goes on typing says so again this often. */
export const TYPING_AGAIN_MS = 1_000;
