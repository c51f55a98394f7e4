/**
 * The one table of limits: what the server bounds, by how much, and why that much. Options are checked against
 * it, an embedder overrides any of them by name, and docs/limits.md is made of it: `npm run docs:limits`.
 */

import type { ErrorCode } from "./errors.ts";

export interface LimitRow {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: "bytes" | "ms" | "count" | "bytes/s" | "ms/s" | "count/s";
  /** What a client is told at the limit; `null` where it is told nothing, because it is only slowed or forgotten. */
  readonly error: ErrorCode | null;
  /** What is bounded, what happens at the bound, and why the default is what it is. */
  readonly meaning: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  maxNameBytes: {
    default: 512,
    min: 1,
    max: 4096,
    unit: "bytes",
    error: "INVALID_NAME",
    meaning:
      "UTF-8 length of a document's name; longer ones are refused with INVALID_NAME. Room for a path of several readable parts.",
  },
  maxMessageBytes: {
    default: 16 * MIB,
    min: KIB,
    max: 1024 * MIB,
    unit: "bytes",
    error: "MESSAGE_TOO_LARGE",
    meaning:
      "One message from a client; the connection of a larger one is closed with 1009 before it is buffered. A y-websocket client cannot split a message, so this is also the largest document that it can bring at once.",
  },
  maxUpdateStructs: {
    default: 400_000,
    min: 1,
    max: 100_000_000,
    unit: "count",
    error: "UPDATE_TOO_LARGE",
    meaning:
      "Structs of one update; one with more is refused with UPDATE_TOO_LARGE. A recording of 260,000 edits has 182,000 when its updates are merged, and 11,000 as the state of a document. A Y.Doc of a million takes 200 MB and three seconds to build, three times that if they are types.",
  },
  maxUpdateDeletes: {
    default: 400_000,
    min: 1,
    max: 100_000_000,
    unit: "count",
    error: "UPDATE_TOO_LARGE",
    meaning:
      "Ranges in the delete set of one update; one with more is refused with UPDATE_TOO_LARGE. The same recording has 2,600. A Y.Doc takes 500 MB and eight seconds for a million.",
  },
  maxCodeEditBytes: {
    default: 8 * MIB,
    min: KIB,
    max: 1024 * MIB,
    unit: "bytes",
    error: "UPDATE_TOO_COSTLY",
    meaning:
      "Encoded size of a document that the application edits by a function; larger ones are refused with UPDATE_TOO_COSTLY. A Y.Doc is built of it on the event loop, where a megabyte takes about a tenth of a second and twelve times its memory for that long.",
  },
  maxConversions: {
    default: 16,
    min: 1,
    max: 10_000,
    unit: "count",
    error: "SERVER_FULL",
    meaning:
      "Updates in Yjs' second format that wait to be made Yjs v1, one after the other in a worker; one more is refused with SERVER_FULL. Each may be as large as a message.",
  },
  maxDeletions: {
    default: 100,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: null,
    meaning:
      "Deletions of one name that can be undone; with one more the oldest is erased. What each of them had is known to every room of that name, so that it does not come back by itself.",
  },
  keepDeletedMs: {
    default: 30 * 24 * 60 * 60 * 1000,
    min: 0,
    max: 3650 * 24 * 60 * 60 * 1000,
    unit: "ms",
    error: null,
    meaning:
      "How long a document that was deleted can be restored; it is looked once an hour, and erased then. As long as backups of a month are kept elsewhere.",
  },
  maxRootNameBytes: {
    default: 1024,
    min: 1,
    max: MIB,
    unit: "bytes",
    error: "UPDATE_TOO_LARGE",
    meaning:
      "UTF-8 length of the name of a root type; an update with a longer one is refused with UPDATE_TOO_LARGE. Applications give their roots short fixed names, and Yjs keeps each for as long as the document lives.",
  },
  maxStateVectorClients: {
    default: 100_000,
    min: 1,
    max: 100_000_000,
    unit: "count",
    error: "UPDATE_TOO_LARGE",
    meaning:
      "Clients in a state vector, or that an update is of or refers to; more are refused with UPDATE_TOO_LARGE. Each page that was opened and typed into is one. A Y.Doc of this many already takes 50 ms a keystroke, and its state vector 700 KB.",
  },
  maxMessageFragments: {
    default: 4096,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "MESSAGE_TOO_LARGE",
    meaning:
      "WebSocket frames of one message; one with more closes its connection with 1008. Each takes about 110 bytes while the rest is awaited. Chromium sends what is above 64 KiB in frames of 131,000 bytes: 129 for the largest message.",
  },
  maxMessageChunks: {
    default: 32_768,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "MESSAGE_TOO_LARGE",
    meaning:
      "Pieces in which the network brings one frame; one with more closes its connection with 1008. Each takes some 300 bytes, however small. On a slow line a piece is one packet, of 512 bytes at the worst: the largest message still fits.",
  },
  messageTimeoutMs: {
    default: 30_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    error: "TOO_SLOW",
    meaning:
      "How long a message that has begun may take to end, or else to grow by 16 KiB. Time in which the server did not read is not counted. So 550 bytes a second are enough, and a frame that never ends does not stay.",
  },
  maxUnfinishedBytes: {
    default: 512 * MIB,
    min: KIB,
    max: 64 * 1024 * MIB,
    unit: "bytes",
    error: "TOO_SLOW",
    meaning:
      "Memory of all messages that have begun and not ended; above it the one that began first closes its connection. An honest upload takes seconds, so the slow ones go first.",
  },
  firstMessageTimeoutMs: {
    default: 30_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    error: "TOO_SLOW",
    meaning:
      "How long a connection may be open without a message. y-websocket and Hocuspocus providers ask what they miss as soon as they are connected, or have a token: what says nothing is no client.",
  },
  maxUnadmittedBytes: {
    default: 512 * KIB,
    min: KIB,
    max: 1024 * MIB,
    unit: "bytes",
    error: "MESSAGE_TOO_LARGE",
    meaning:
      "What a connection sent to documents while it is not known whether it may open them, and 64 bytes more a message; above it the connection is not read. One message that is larger is refused with MESSAGE_TOO_LARGE, and so is what is too much before a Hocuspocus provider's token, for which the connection has to be read. Room for the state vector of a document of 50,000 clients. Where nobody has to be asked, nothing waits.",
  },
  admissionTimeoutMs: {
    default: 15_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    error: "TOO_SLOW",
    meaning:
      "How long it may take until it is known whether a client may open a document, its token included; after that it is told to come back. An application that asks a database and another service needs a second or two.",
  },
  maxMessagesPerSecond: {
    default: 5000,
    min: 1,
    max: 10_000_000,
    unit: "count/s",
    error: null,
    meaning:
      "Messages of one connection, pings included; above it the server stops reading it until there is budget again. TCP carries the pressure back, nothing is lost. A hundred times what the fastest editor sends, and a tenth of a core.",
  },
  maxBytesPerSecond: {
    default: 4 * MIB,
    min: KIB,
    max: 64 * 1024 * MIB,
    unit: "bytes/s",
    error: null,
    meaning:
      "Bytes of one connection, as they arrive; above it the server stops reading it for a while. Saved up, they let five of the largest messages come at once.",
  },
  maxCpuMsPerSecond: {
    default: 250,
    min: 1,
    max: 1000,
    unit: "ms/s",
    error: null,
    meaning:
      "Time that the messages of one connection take; above it the server stops reading it for a while. A quarter of a core. An editor takes a thousandth; the first upload of 16 MiB takes two seconds, which fits into what is saved up.",
  },
  maxAddressMessagesPerSecond: {
    default: 20_000,
    min: 1,
    max: 10_000_000,
    unit: "count/s",
    error: null,
    meaning:
      "As maxMessagesPerSecond, for all connections of one address together; an IPv6 address is its /64. An office of 2,000 with ten messages a second each.",
  },
  maxAddressBytesPerSecond: {
    default: 32 * MIB,
    min: KIB,
    max: 64 * 1024 * MIB,
    unit: "bytes/s",
    error: null,
    meaning:
      "As maxBytesPerSecond, for all connections of one address together. A hundred y-websocket clients that move their cursors in one document send 27 MB a second, because each sends back what it hears.",
  },
  maxAddressCpuMsPerSecond: {
    default: 800,
    min: 1,
    max: 1000,
    unit: "ms/s",
    error: null,
    meaning:
      "As maxCpuMsPerSecond, for all connections of one address together. Less than a core, so that others have the rest; not much less, because behind a proxy that is not trusted everybody has one address.",
  },
  maxBurstMs: {
    default: 20_000,
    min: 1,
    max: 3_600_000,
    unit: "ms",
    error: null,
    meaning:
      "For how long what is not used of these budgets is saved up. Also the longest that a connection waits for one: what was measured may have been a stall of the machine.",
  },
  maxAddressConnections: {
    default: 2000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "TOO_MANY_CONNECTIONS",
    meaning:
      "Open connections of one address; one more is closed. A tenth of all, and enough for an office. A larger site behind a proxy sets the option trustProxy.",
  },
  maxAddressConnectionsPerSecond: {
    default: 100,
    min: 1,
    max: 1_000_000,
    unit: "count/s",
    error: "TOO_MANY_CONNECTIONS",
    meaning:
      "New connections of one address; one more is closed. Saved up, they let 2,000 come at once: a whole office after a restart. Those that are refused do not count, so whoever tries again gets in.",
  },
  maxAddressRequestsPerSecond: {
    default: 100,
    min: 1,
    max: 1_000_000,
    unit: "count/s",
    error: "TOO_MANY_CONNECTIONS",
    meaning:
      "Requests of one address to the HTTP API; one more is answered with 429. Saved up for maxBurstMs, they let 2,000 people of an office come by a ticket at once. Each costs a look at a token: a tenth of a millisecond, or a question to the application. An application's back end is one address too, and so is a proxy without the option trustProxy.",
  },
  maxAddressRefusedTokensPerSecond: {
    default: 100,
    min: 1,
    max: 1_000_000,
    unit: "count/s",
    error: "TOO_MANY_CONNECTIONS",
    meaning:
      "Tokens from one address that turn out not to be good, over sockets and HTTP; what is not used is saved up for maxBurstMs. After that, nobody who shows a token from there is let in for a while, and none is looked at: one takes 0.1 to 0.2 ms of a core, or a question to the application. Who is in stays, unless it has to show another token meanwhile: it may come back.",
  },
  maxAddresses: {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: null,
    meaning:
      "Addresses without a connection whose budgets are remembered until they are full again; the one that left first is forgotten first. About 1 KB each. As many of those that asked the HTTP API, and of those that showed tokens that were not good.",
  },
  maxRefusedConnections: {
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: null,
    meaning:
      "Connections that were refused and have not answered the close, for which they have 2 s; above it the one that was refused first is cut. They count as no connection any more.",
  },
  maxHalfOpenConnections: {
    default: 4000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: null,
    meaning:
      "TCP connections that are not WebSockets yet, where the server listens itself; above it the oldest is cut. A client becomes one within a few round trips, so the slow ones go first.",
  },
  maxAddressHalfOpenConnections: {
    default: 2000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: null,
    meaning: "As maxHalfOpenConnections, for one address. As many as may come at once.",
  },
  maxHeaderBytes: {
    default: 8 * KIB,
    min: KIB,
    max: MIB,
    unit: "bytes",
    error: null,
    meaning:
      "URL and headers of an HTTP request, where the server listens itself; more are answered with 431. Room for large cookies and a token. A longer maxNameBytes may need more: names are percent-encoded.",
  },
  maxHeaders: {
    default: 100,
    min: 8,
    max: 10_000,
    unit: "count",
    error: null,
    meaning:
      "Number of headers of such a request; more are answered with 431. Browsers and proxies together send about 30.",
  },
  headersTimeoutMs: {
    default: 10_000,
    min: 10,
    max: 600_000,
    unit: "ms",
    error: null,
    meaning:
      "From the moment of connecting to the last header, where the server listens itself; after that the answer is 408. A byte now and then does not help.",
  },
  requestTimeoutMs: {
    default: 30_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    error: null,
    meaning:
      "From the moment of connecting to the end of such a request, and how long nothing may move while a page is sent; then the connection is cut.",
  },
  maxApiBodyBytes: {
    default: 16 * KIB,
    min: KIB,
    max: MIB,
    unit: "bytes",
    error: "MESSAGE_TOO_LARGE",
    meaning:
      "Body of a request to the HTTP API, where it is about access or a signal; a larger one is refused with MESSAGE_TOO_LARGE before it is read to its end. It names a user, a document and a reason, or a token, which has a few kilobytes.",
  },
  maxApiPendingBytes: {
    default: 256 * MIB,
    min: KIB,
    max: 64 * 1024 * MIB,
    unit: "bytes",
    error: "SERVER_FULL",
    meaning:
      "Memory of the bodies of all requests to the HTTP API that are not answered yet; above it a request is refused with SERVER_FULL while it is read. Who may write sends up to maxMessageBytes at once.",
  },
  maxApiStreams: {
    default: 4000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "SERVER_FULL",
    meaning:
      "Answers of the HTTP API that are on their way piece by piece, those that follow a document among them; one more is refused with SERVER_FULL. Each is a connection, and up to 64 KiB that its client has not read.",
  },
  maxAddressApiStreams: {
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "TOO_MANY_CONNECTIONS",
    meaning:
      "As maxApiStreams, of one address; one more is answered with 429. An application's back end is one address, and may follow a document each.",
  },
  maxDocumentFollowers: {
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "TOO_MANY_CONNECTIONS",
    meaning:
      "Answers of the HTTP API that follow one document, of those in maxApiStreams; one more is answered with 429. Each is a session, and what all are told is made once. A quarter of all, so that one document does not keep others from being followed.",
  },
  maxFollowerBytes: {
    default: 64 * KIB,
    min: KIB,
    max: 64 * MIB,
    unit: "bytes",
    error: null,
    meaning:
      "Presence and signals that wait until whoever follows a document over HTTP has read what came before. Above it presence is told anew as a whole when they read again, and signals are dropped, which they are told. Batches do not wait: they are read from the log. Room for four of the largest signals.",
  },
  maxEditBytes: {
    default: MIB,
    min: KIB,
    max: 64 * MIB,
    unit: "bytes",
    error: "MESSAGE_TOO_LARGE",
    meaning:
      "Body of a request to the HTTP API that edits a document, or creates one, as JSON; a larger one is refused with MESSAGE_TOO_LARGE before it is read to its end. Reading a megabyte takes a tenth of a second, in which nobody else is served; a document that has more is brought as an update.",
  },
  maxEdits: {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "INVALID_OPTION",
    meaning:
      "Edits of one such request; more are refused with INVALID_OPTION. Each looks for its place, which takes up to a millisecond in a list of a hundred thousand items; so in such a list maxReplicaMs ends fewer. One edit inserts as many values as fit into the request.",
  },
  maxConnections: {
    default: 20_000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "SERVER_FULL",
    meaning:
      "Open connections; one more is closed with SERVER_FULL. An idle one costs about 10 KB of memory, 28 KB if it has a small document of its own open.",
  },
  maxUserConnections: {
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "TOO_MANY_CONNECTIONS",
    meaning:
      "Connections on which one user, as the server verified them, has a document open; one more is refused. Tabs and devices are normal, and y-websocket has a connection a document.",
  },
  maxUserDocuments: {
    default: 10_000,
    min: 1,
    max: 10_000_000,
    unit: "count",
    error: "TOO_MANY_DOCUMENTS",
    meaning:
      "Documents that one user has open, on all connections; a document in two tabs counts twice. One more is refused.",
  },
  maxTickets: {
    default: 10_000,
    min: 1,
    max: 10_000_000,
    unit: "count",
    error: "SERVER_FULL",
    meaning:
      "Tickets that were made and neither used nor too old; one more is refused with SERVER_FULL. 300 people a second may come by one. One token has at most 200 of them.",
  },
  ticketLifeMs: {
    default: 30_000,
    min: 1000,
    max: 600_000,
    unit: "ms",
    error: "UNAUTHENTICATED",
    meaning:
      "How long a ticket is good, once. It is in a URL, which logs and histories keep: it must be worth nothing when they are read.",
  },
  maxRevocations: {
    default: 10_000,
    min: 1,
    max: 10_000_000,
    unit: "count",
    error: "SERVER_FULL",
    meaning:
      "Revocations that are remembered; for one more the sessions end, but it is refused with SERVER_FULL: none is forgotten for it before its time. Three quarters of them may be for documents: who manages those does not keep others from revoking for all. About 300 bytes each, which are written anew with each change.",
  },
  maxBans: {
    default: 1000,
    min: 1,
    max: 100_000,
    unit: "count",
    error: "SERVER_FULL",
    meaning:
      "Bans that hold, three quarters of them for documents; one more is refused with SERVER_FULL. About 200 bytes each, which are written anew with each change.",
  },
  maxRooms: {
    default: 20_000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "SERVER_FULL",
    meaning:
      "Documents in memory at once. For one more, the one goes in which nobody is for longest; where there is none, it is refused with SERVER_FULL, and its client comes back after a pause.",
  },
  maxBufferedBytes: {
    default: MIB,
    min: KIB,
    max: 1024 * MIB,
    unit: "bytes",
    error: null,
    meaning:
      "Unsent bytes of a connection above which its sessions lag: nothing more is queued for them, and they catch up by one merged diff when the socket drains.",
  },
  stalledTimeoutMs: {
    default: 30_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    error: "TOO_SLOW",
    meaning: "How long a lagging session may make no progress at all before it is closed with TOO_SLOW.",
  },
  maxBatchBytes: {
    default: 256 * KIB,
    min: KIB,
    max: 64 * MIB,
    unit: "bytes",
    error: null,
    meaning: "A room's open batch is flushed at once when it holds this much, whatever its window.",
  },
  maxUncommittedBytes: {
    default: 64 * MIB,
    min: KIB,
    max: 4096 * MIB,
    unit: "bytes",
    error: null,
    meaning:
      "Log bytes of all rooms that the storage has not confirmed; above it the server stops reading from writers' sockets until half of it is confirmed.",
  },
  maxPresenceBytes: {
    default: 16 * KIB,
    min: 64,
    max: MIB,
    unit: "bytes",
    error: "PRESENCE_TOO_LARGE",
    meaning:
      "Presence states of one session together, as JSON; with a larger one its frame is refused with PRESENCE_TOO_LARGE. A cursor with a name takes about 200.",
  },
  maxPresenceEntries: {
    default: 16,
    min: 1,
    max: 10_000,
    unit: "count",
    error: "PRESENCE_TOO_LARGE",
    meaning: "Presence ids that one session may own; one more is refused. Clients announce one each.",
  },
  maxPresenceTombstones: {
    default: 1000,
    min: 0,
    max: 100_000,
    unit: "count",
    error: null,
    meaning: "Departed presence ids whose last clock a room remembers; the oldest is forgotten first.",
  },
  presenceTombstoneMs: {
    default: 60_000,
    min: 0,
    max: 86_400_000,
    unit: "ms",
    error: null,
    meaning:
      "How long a room remembers a departed presence id; until then only the same author may announce it again. Twice the time after which y-protocols itself gives up who was silent.",
  },
  maxPresenceIds: {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: null,
    meaning:
      "Presence ids that a room shows; who comes after that is shown when somebody has left. An awareness update with more entries than that and all departed ones is refused with PRESENCE_TOO_LARGE: clients send back what they hear, and cannot have heard more.",
  },
  maxPresenceClockStep: {
    default: 1000,
    min: 1,
    max: 2 ** 32,
    unit: "count",
    error: null,
    meaning:
      "How far the clock of a presence id may jump; one that jumps farther counts as one step, so that nobody can push it to where its owner cannot go on. Clients count one a change: a minute without a connection at 15 changes a second.",
  },
  maxPresenceChangesPerSecond: {
    default: 30,
    min: 1,
    max: 1000,
    unit: "count/s",
    error: null,
    meaning:
      "Changes of presence of one session that others are told; above it they are told at this pace, always the newest. What is not used is saved up for maxBurstMs. Eyes see no more, and each is a message to everybody.",
  },
  maxUpdateClients: {
    default: 20_000,
    min: 1,
    max: 10_000_000,
    unit: "count",
    error: "UPDATE_TOO_LARGE",
    meaning:
      "Client ids of which one update brings structs. Each page that ever edited a document has one, and Yjs copies the list of all at every keystroke: with 5,000 of them one takes a millisecond.",
  },
  maxDocumentBytes: {
    default: 256 * MIB,
    min: KIB,
    max: 16 * 1024 * MIB,
    unit: "bytes",
    error: "DOCUMENT_FULL",
    meaning:
      "A document with its log, encoded. One that has reached it takes deletes only, and is read and presented as before. A room keeps its document's bytes in memory, up to twice; texts of whole books have a few megabytes.",
  },
  maxDocumentClients: {
    default: 50_000,
    min: 1,
    max: 10_000_000,
    unit: "count",
    error: "UPDATE_TOO_LARGE",
    meaning:
      "Client ids of a document. At it an update with more than one new id is refused; whoever comes with one of his own is let in. Far below what a state vector may have, so that nobody is locked out by others.",
  },
  maxTypeDepth: {
    default: 256,
    min: 1,
    max: 1000,
    unit: "count",
    error: "UPDATE_TOO_LARGE",
    meaning:
      "How deep shared types may be nested; an update that goes deeper is refused with UPDATE_TOO_LARGE. Yjs deletes them recursively: some four thousand overflow the stack of whoever deletes the outermost. Documents of real editors stay below 20.",
  },
  maxRootTypes: {
    default: 4096,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: "UPDATE_TOO_LARGE",
    meaning:
      "Root types of a document; an update with more is refused with UPDATE_TOO_LARGE. Yjs looks each name up in a list: encoding a document of 50,000 roots takes seconds.",
  },
  maxHeldBytes: {
    default: 64 * KIB,
    min: 0,
    max: 64 * MIB,
    unit: "bytes",
    error: null,
    meaning:
      "Updates of a document that are held aside, because they build upon something missing or come under a client id that another connection owns. What finds no room is let go; its sender was asked for it and has it still.",
  },
  maxHeldUpdates: {
    default: 256,
    min: 0,
    max: 100_000,
    unit: "count",
    error: null,
    meaning: "Number of those updates: each is looked at again when something was added.",
  },
  maxMissingClients: {
    default: 64,
    min: 1,
    max: 100_000,
    unit: "count",
    error: null,
    meaning:
      "Clients of which the room knows, for each session, that it waits for something of theirs: the session is asked again as soon as any of that is there. Of what needs more, the first are forgotten, and the session is asked again within 5 s of anything that comes. Each is looked at in every window.",
  },
  heldTimeoutMs: {
    default: 30_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    error: "CLIENT_ID_IN_USE",
    meaning:
      "How long an update is held aside. After that one with a gap is let go, and one under a client id with a live owner closes its sender with CLIENT_ID_IN_USE.",
  },
  probeTimeoutMs: {
    default: 5_000,
    min: 10,
    max: 600_000,
    unit: "ms",
    error: "CONNECTION_LOST",
    meaning:
      "How long a connection may be silent after it was asked for a sign of life because another one claims its client id; then it is closed, and the other takes over. Short, so that who reconnects need not wait; long enough for a busy page to answer.",
  },
  maxUnrehearsed: {
    default: 2000,
    min: 0,
    max: 10_000_000,
    unit: "count",
    error: null,
    meaning:
      "Structs and deletes of an update above which it is tried on a replica first, in a worker, and refused with UPDATE_TOO_COSTLY if that takes too long; so is one that comes when as many came since the last trial, and then they are measured too. Text that is typed on does not count, a struct elsewhere than behind what somebody just wrote counts once more for each 1,000 structs of the document. Where the document is costly, or nobody knows, a sixteenth of this. A person makes a few of these a second, and what fits below costs Yjs about a second.",
  },
  maxReplicaBytes: {
    default: 512 * MIB,
    min: 32 * MIB,
    max: 64 * 1024 * MIB,
    unit: "bytes",
    error: "UPDATE_TOO_COSTLY",
    meaning:
      "Heap of the worker in which replicas are built, one at a time; the job that would need more is ended. A Y.Doc takes nine to forty times the bytes of a real document: enough for 12 MB of small maps and 40 MB of text.",
  },
  maxReplicaMs: {
    default: 2_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    error: "UPDATE_TOO_COSTLY",
    meaning:
      "CPU time of each step in which a worker folds a document's log or tries an update on it, and 4 s more a MiB that it integrates: real documents take 0.1 to 0.3 s. A worker that takes longer is ended, and its job with it.",
  },
  maxReplicaQueueBytes: {
    default: 64 * MIB,
    min: 0,
    max: 4096 * MIB,
    unit: "bytes",
    error: "SERVER_FULL",
    meaning:
      "Updates that wait to be tried on a replica, and 64 KiB more a job; of one document a quarter. One job always finds room. A client whose update does not is told to come back, and a log that is to be folded waits until it has doubled.",
  },
  maxReads: {
    default: 32,
    min: 1,
    max: 100_000,
    unit: "count",
    error: "SERVER_FULL",
    meaning:
      "Documents, logs and lists that are being read for HTTP; one more is refused with SERVER_FULL, and may come back. They are read from the disk one after the other, and rendered in a worker of their own: more at once would only wait longer. One that is ready does not count, however slowly it is sent, nor does one that the client has already.",
  },
  maxReadBytes: {
    default: 256 * MIB,
    min: 0,
    max: 64 * 1024 * MIB,
    unit: "bytes",
    error: "SERVER_FULL",
    meaning:
      "Memory of all documents that are being read over HTTP and not sent yet; one that does not fit beside the others is refused with SERVER_FULL, and may come back. One alone always fits. A client that reads slowly keeps its share for as long.",
  },
  maxDocumentsPerConnection: {
    default: 1000,
    min: 1,
    max: 100_000,
    unit: "count",
    error: "TOO_MANY_DOCUMENTS",
    meaning:
      "Documents that one connection has open; one more is refused with TOO_MANY_DOCUMENTS, and the others go on. Each costs a session, about 1 KB, and may load a document.",
  },
  maxAddressDocuments: {
    default: 10_000,
    min: 1,
    max: 10_000_000,
    unit: "count",
    error: "TOO_MANY_DOCUMENTS",
    meaning:
      "Documents that all connections of one address have open together, in any dialect; one more is refused with TOO_MANY_DOCUMENTS. An office of 2,000 with five each. Half of maxRooms, so that nobody alone fills it.",
  },
  maxOpensPerSecond: {
    default: 100,
    min: 1,
    max: 100_000,
    unit: "count/s",
    error: "TOO_MANY_DOCUMENTS",
    meaning:
      "Documents that a connection opens, in a dialect with several on one; what is not used is saved up for maxBurstMs, and more are refused with TOO_MANY_DOCUMENTS. Each may be one to load, which takes the disk and a few milliseconds.",
  },
  maxFragmentBytes: {
    default: 64 * KIB,
    min: 512,
    max: 8 * MIB,
    unit: "bytes",
    error: null,
    meaning:
      "A frame of the native dialect that is larger travels in fragments of this size. What is lost when a line breaks is a few of them: at 5 KB/s each takes 13 s, and a line that breaks every minute still gets on. Each is a message of its own and is answered, which costs 50 bytes. Has to fit into maxMessageBytes; less by default where that is small.",
  },
  maxUploadBytes: {
    default: 64 * MIB,
    min: KIB,
    max: 1024 * MIB,
    unit: "bytes",
    error: "MESSAGE_TOO_LARGE",
    meaning:
      "A frame that a client sends in fragments, and the memory of all unfinished ones of a connection together: a larger frame is refused with MESSAGE_TOO_LARGE, of several the one that was begun first is let go.",
  },
  maxUnfinishedUploadBytes: {
    default: 256 * MIB,
    min: KIB,
    max: 64 * 1024 * MIB,
    unit: "bytes",
    error: null,
    meaning:
      "Memory of frames in fragments that are not whole yet, of all clients together: at most twice what has come, and 512 bytes more each. Above it the one that grew least recently is let go; its client is told that nothing of it is here and begins again.",
  },
  uploadTimeoutMs: {
    default: 120_000,
    min: 10,
    max: 86_400_000,
    unit: "ms",
    error: null,
    meaning:
      "How long such a frame is kept after its last fragment, also when the connection is gone: who lost the line in the middle of a large upload comes back within two minutes and goes on from there.",
  },
  maxWaitingInputBytes: {
    default: MIB,
    min: KIB,
    max: 1024 * MIB,
    unit: "bytes",
    error: null,
    meaning:
      "What a connection sent to documents that are still loading or busy, and 64 bytes more a frame; above it the connection is not read. Until then its other documents go on.",
  },
  maxSignalBytes: {
    default: 16 * KIB,
    min: 16,
    max: 16 * MIB,
    unit: "bytes",
    error: "SIGNAL_REFUSED",
    meaning:
      "Payload of a signal; a larger one is refused with SIGNAL_REFUSED, and the session goes on. What is larger belongs into the document.",
  },
  maxSignalNameBytes: {
    default: 64,
    min: 1,
    max: 1024,
    unit: "bytes",
    error: "SIGNAL_REFUSED",
    meaning:
      "UTF-8 length of a signal's name; a longer one, or an empty one, is refused with SIGNAL_REFUSED.",
  },
  maxSignalsPerSecond: {
    default: 100,
    min: 1,
    max: 100_000,
    unit: "count/s",
    error: "SIGNAL_REFUSED",
    meaning:
      "Signals of a session; what is not used is saved up for maxBurstMs, and more are refused with SIGNAL_REFUSED. Each is a message to everybody in the document, so a pointer that moves sixty times a second fits.",
  },
  maxPendingSignals: {
    default: 100,
    min: 1,
    max: 100_000,
    unit: "count",
    error: "SIGNAL_REFUSED",
    meaning:
      "Signals of a session that the application's handler has not decided yet, however long ago they came; more are refused with SIGNAL_REFUSED.",
  },
  maxPendingSignalBytes: {
    default: 16 * MIB,
    min: 128 * KIB,
    max: 4096 * MIB,
    unit: "bytes",
    error: "SIGNAL_REFUSED",
    meaning:
      "As maxPendingSignals, of all sessions together: payloads, and 1 KiB more each; of one document a quarter. More are refused with SIGNAL_REFUSED. Four thousand small ones in a document: handlers that take a second get by with that, and those that hang cost no more. Has to hold four of maxSignalBytes; more by default where that is large.",
  },
  signalTimeoutMs: {
    default: 30_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    error: "SIGNAL_REFUSED",
    meaning:
      "How long a handler may take over a signal. After that the signal is refused with SIGNAL_REFUSED and passed on to nobody, whatever the handler says later, and its place among maxPendingSignalBytes is free; its sender's among maxPendingSignals is when the handler ends. Who sent it has long forgotten it by then.",
  },
  maxPendingChanges: {
    default: 100,
    min: 1,
    max: 1_000_000,
    unit: "count",
    error: null,
    meaning:
      "Batches of a document that wait for the application's hook `change`; those that come then are put together with the last one that waits, and told by one call. A hook that takes a second is called once a second, however fast people write.",
  },
  maxStoredMarks: {
    default: 100_000,
    min: 1,
    max: 100_000_000,
    unit: "count",
    error: null,
    meaning:
      "Documents of which the server remembers that the application's hook `store` has all of them, and as many of `onStoreDocument`; above it the one that was stored longest ago is forgotten, and stored once more when somebody opens it. About 200 bytes each.",
  },
  maxVerifiedTokens: {
    default: 10_000,
    min: 0,
    max: 1_000_000,
    unit: "count",
    error: null,
    meaning:
      "JSON Web Tokens of which the server remembers that they were checked, by their hash; above it the one that was shown longest ago is forgotten, and checked once more. About 1 KB each, and 30 KB at the worst.",
  },
  seedTimeoutMs: {
    default: 30_000,
    min: 10,
    max: 3_600_000,
    unit: "ms",
    error: null,
    meaning:
      "How long a client that was asked to fill a new document has for it before the next one is asked too. The first answer counts.",
  },
  minFreeBytes: {
    default: 256 * MIB,
    min: 0,
    max: 1024 * 1024 * MIB,
    unit: "bytes",
    error: "STORAGE_UNAVAILABLE",
    meaning:
      "Free space on the data folder's disk; below it nothing is written and clients are told to come back, while documents can still be read. 0 is no bound. Four times what may wait for the disk at once, so that it never fills up in the middle of a write, which LevelDB survives badly.",
  },
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof LIMITS;

/** The limit of this name; `null` if there is none. */
export function limitNamed(name: string | null): LimitName | null {
  return name !== null && Object.hasOwn(LIMITS, name) ? (name as LimitName) : null;
}

export type Limits = { readonly [name in LimitName]: number };

export const DEFAULT_LIMITS: Limits = Object.freeze(
  Object.fromEntries(Object.entries(LIMITS).map(([name, row]) => [name, row.default])),
) as Limits;

/** How Prometheus names the number of times that a limit was reached. */
export function limitMetric(name: LimitName): string {
  return `joinery_limit_hits_total{limit="${name}"}`;
}
