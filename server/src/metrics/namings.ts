/** Names, meanings and labels of all metrics: what dashboards and alerts are made of. docs/metrics.md is held to them. */

import type { Naming } from "./instruments.ts";

export const CONNECTIONS: Naming = {
  name: "joinery_connections",
  help: "Open connections, by what they come by: websocket, or loopback for those in the same process.",
  labels: ["transport"],
};
export const CONNECTIONS_OPENED: Naming = {
  name: "joinery_connections_opened_total",
  help: "Connections whose first message told which dialect they speak.",
  labels: ["dialect"],
};
export const CONNECTIONS_REFUSED: Naming = {
  name: "joinery_connections_refused_total",
  help: "Connections that the server turned away, or ended because of an error, by the error's code.",
  labels: ["code"],
};
export const CONNECTIONS_CLOSED: Naming = {
  name: "joinery_connections_closed_total",
  help: "WebSockets that were let in and have closed, by the close code; codes that are neither ours nor usual are other.",
  labels: ["close_code"],
};
export const SESSIONS: Naming = {
  name: "joinery_sessions",
  help: "Clients in documents, once a document.",
  labels: ["dialect"],
};
export const LAGGING: Naming = {
  name: "joinery_lagging_sessions",
  help: "Of those, clients that read too slowly: nothing is queued for them until their socket drains.",
  labels: ["dialect"],
};
export const SESSIONS_OPENED: Naming = {
  name: "joinery_sessions_opened_total",
  help: "Documents that were opened to clients.",
  labels: ["dialect"],
};
export const SESSIONS_RESUMED: Naming = {
  name: "joinery_sessions_resumed_total",
  help: "Of those, by clients that said how far they had been in the document: they came back. Other dialects than joinery.v1 have no word for it.",
  labels: ["dialect"],
};
export const ROOMS: Naming = {
  name: "joinery_rooms",
  help: "Documents in memory.",
};
export const USERS: Naming = {
  name: "joinery_users",
  help: "Verified users in documents; nobody in particular is none.",
};
export const TICKETS: Naming = {
  name: "joinery_tickets",
  help: "Tickets that wait to be used.",
};
export const RECEIVED_UPDATES: Naming = {
  name: "joinery_received_updates_total",
  help: "Edits as clients sent them, taken or not.",
  labels: ["dialect"],
};
export const RECEIVED_BYTES: Naming = {
  name: "joinery_received_bytes_total",
  help: "Bytes that clients sent of them (update), of what they have and the server may not (answer), and of presence.",
  labels: ["dialect", "kind"],
};
export const SENT_UPDATES: Naming = {
  name: "joinery_sent_updates_total",
  help: "Batches that were sent, once each client; those that lag or open a document get catch-ups.",
  labels: ["dialect"],
};
export const SENT_BYTES: Naming = {
  name: "joinery_sent_bytes_total",
  help: "Bytes of batches (update), of catch-ups (catch_up) and of changed presence, before WebSocket's own.",
  labels: ["dialect", "kind"],
};
export const CATCH_UPS: Naming = {
  name: "joinery_catch_ups_total",
  help: "How often a client was sent what it lacked: when it opened a document, or had lagged.",
  labels: ["dialect"],
};
export const BATCH_UPDATES: Naming = {
  name: "joinery_batch_updates",
  help: "Edits that one flush put together.",
};
export const BATCH_BYTES: Naming = {
  name: "joinery_batch_bytes",
  help: "Bytes of what one flush put into the log.",
};
export const DELIVERY: Naming = {
  name: "joinery_delivery_seconds",
  help: "From the moment the first edit of a batch was received until the batch was sent to all clients, once a batch.",
};
export const DURABLE: Naming = {
  name: "joinery_durable_seconds",
  help: "From the moment the first edit of a batch was received until the batch was on disk, once a batch.",
};
export const UNCOMMITTED: Naming = {
  name: "joinery_uncommitted_bytes",
  help: "Log bytes that the storage has not confirmed.",
};
export const HELD: Naming = {
  name: "joinery_held_bytes",
  help: "Bytes of edits that are held aside until what they build upon comes.",
};
export const REPLICA_JOBS: Naming = {
  name: "joinery_replica_jobs",
  help: "Replicas that are being built or wait for it.",
};
export const PENDING_SIGNALS: Naming = {
  name: "joinery_pending_signal_bytes",
  help: "Memory of signals that the application has not decided about.",
};
export const INPUTS_REFUSED: Naming = {
  name: "joinery_inputs_refused_total",
  help: "What clients sent and was refused, by the error's code.",
  labels: ["code"],
};
export const ACTIONS_DENIED: Naming = {
  name: "joinery_actions_denied_total",
  help: "What clients wanted to do and may not.",
  labels: ["action"],
};
export const DROPPED: Naming = {
  name: "joinery_dropped_total",
  help: "What was let go without an error: presence under somebody else's id, most of it echoes; signals to clients that read too slowly; edits that were held aside for too long, because of a gap or an owned id.",
  labels: ["cause"],
};
export const HELD_ASIDE: Naming = {
  name: "joinery_held_aside_total",
  help: "Edits that were held aside, because of a gap or because their client id is somebody else's (owned).",
  labels: ["reason"],
};
export const LIMIT_HITS: Naming = {
  name: "joinery_limit_hits_total",
  help: "How often each limit of docs/limits.md was reached.",
  labels: ["limit"],
};
export const ADMISSIONS: Naming = {
  name: "joinery_admissions_total",
  help: "Decisions whether a document is opened to a client: admitted, or refused with the error's code.",
  labels: ["outcome", "code"],
};
export const ACCESS_ENDED: Naming = {
  name: "joinery_access_ended_total",
  help: "Sessions that ended because they may do nothing any more, by the cause.",
  labels: ["cause"],
};
export const REVOCATIONS: Naming = {
  name: "joinery_revocations_total",
  help: "Revocations that were made.",
};
export const BANNED: Naming = {
  name: "joinery_banned_total",
  help: "Bans that were made.",
};
export const BANS: Naming = {
  name: "joinery_bans",
  help: "Bans that hold.",
};
export const REQUESTS: Naming = {
  name: "joinery_http_requests_total",
  help: "Requests to the HTTP API, to /metrics, /healthz and /readyz, by route and status; paths without a route are other.",
  labels: ["route", "status"],
};
export const READY: Naming = {
  name: "joinery_ready",
  help: "Whether /readyz says so: 1 or 0.",
};
export const COMMIT_SECONDS: Naming = {
  name: "joinery_storage_commit_seconds",
  help: "How long the writes to the data folder took, each with an fsync that many documents share.",
};
export const COMMIT_BYTES: Naming = {
  name: "joinery_storage_commit_bytes_total",
  help: "Bytes of those writes.",
};
export const STORAGE_FAILURES: Naming = {
  name: "joinery_storage_failures_total",
  help: "What the storage could not do for a document: append a batch, load it, or fold its log (compact).",
  labels: ["operation"],
};
export const LOAD_SECONDS: Naming = {
  name: "joinery_document_load_seconds",
  help: "How long it took to load a document into memory.",
};
export const COMPACTION_SECONDS: Naming = {
  name: "joinery_compaction_seconds",
  help: "How long it took to fold a log into a snapshot, and to store that.",
};
export const COMPACTION_BYTES: Naming = {
  name: "joinery_compaction_bytes_total",
  help: "Bytes of those snapshots.",
};
export const HOOK_CALLS: Naming = {
  name: "joinery_hook_calls_total",
  help: "Calls of the application's functions.",
  labels: ["hook"],
};
export const HOOK_FAILURES: Naming = {
  name: "joinery_hook_failures_total",
  help: "Calls of them that failed or timed_out; a refusal is no failure.",
  labels: ["hook", "cause"],
};
export const HOSTED_DOCUMENTS: Naming = {
  name: "joinery_hosted_documents",
  help: "Documents of which Hocuspocus extensions see a Y.Doc.",
};
export const HOSTED_BYTES: Naming = {
  name: "joinery_hosted_bytes",
  help: "Their encoded size.",
};
export const PENDING_STORES: Naming = {
  name: "joinery_pending_stores",
  help: "Documents of which the application has not stored all that it is to store.",
};
export const FAILING_STORES: Naming = {
  name: "joinery_failing_stores",
  help: "Those of which that failed the last time.",
};
export const MEMORY: Naming = {
  name: "joinery_memory_bytes",
  help: "Memory of the process: rss, heap_total, heap_used, external, array_buffers.",
  labels: ["kind"],
};
export const LOOP_DELAY: Naming = {
  name: "joinery_event_loop_delay_seconds",
  help: "How long the event loop kept timers waiting since the last scrape: half of them, 99 of 100, and all (quantile 0.5, 0.99, 1).",
  labels: ["quantile"],
};
export const START_TIME: Naming = {
  name: "joinery_start_time_seconds",
  help: "When the server was made, in seconds since 1970.",
};
export const EVENTS: Naming = {
  name: "joinery_events_total",
  help: "Events of the log, written or not, by their name there.",
  labels: ["event"],
};
