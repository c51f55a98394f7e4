export { type ClientOptions, type ClientSnapshot, JoineryClient } from "./client.ts";
export { type CloseExplanation, explainClose } from "./close-policy.ts";
export { DocumentHandle } from "./document.ts";
export type {
  DocumentEvents,
  DocumentSnapshot,
  LineageChoice,
  LineageConflict,
  OpenOptions,
  Signal,
} from "./document-api.ts";
export { standardEnvironment } from "./environment.ts";
export { type Failure, RefusedError } from "./failure.ts";
export type { Observable } from "./observable.ts";
export type {
  OfflineCopy,
  OfflineDocument,
  OfflineStore,
  OnCopyState,
  PendingDocument,
} from "./offline/ports.ts";
export type { ClientClock, Connect, Environment, Socket, SocketEvents, Timer } from "./ports.ts";
export type { Other, PresenceState } from "./presence.ts";
export type { SignalReceiver } from "./signals.ts";
export type { Status } from "./status.ts";
export type { TokenSource } from "./token.ts";
