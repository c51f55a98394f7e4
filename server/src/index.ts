/** The Joinery server, to embed: `createServer(options)`, then `listen` or `attach`. */

export type { FlushOptions } from "./engine/flush-window.ts";
export type {
  Append,
  Author,
  DocumentSummary,
  Lineage,
  LogEntry,
  LogPart,
  Snapshot,
  Storage,
  StoredDocument,
} from "./engine/ports.ts";
export type { SignalContext, SignalHandler } from "./engine/signals.ts";
export type {
  ExtensionConnection,
  ExtensionContext,
  ExtensionDirectConnection,
  ExtensionDocument,
  ExtensionInstance,
  HocuspocusExtension,
  HocuspocusOptions,
  HookPayloads,
} from "./extensions/hocuspocus/index.ts";
export {
  AccessDenied,
  type AuthenticateRequest,
  type Authentication,
  type DocumentChange,
  type DocumentState,
  defineHooks,
  type HookConnection,
  type Hooks,
  type PresenceChange,
  type SignalMessage,
  type Visitor,
  type VisitorSession,
} from "./extensions/hooks/hooks.ts";
export type { ImportKind, ImportOutcome } from "./import/import-documents.ts";
export { SOURCE_KINDS } from "./import/sources.ts";
export {
  CONFIG_FILES,
  type Config,
  configFromEnvironment,
  defineConfig,
  loadConfig,
  parsePort,
  parseProxies,
} from "./node/config.ts";
export type { Logger } from "./node/log.ts";
export { type MigrateOptions, type Migration, openMigration } from "./node/migrate.ts";
export type { ServerOptions } from "./node/options.ts";
export { createServer } from "./node/server.ts";
export type {
  AttachOptions,
  CloseResult,
  ListenOptions,
  Server,
  ServerCounts,
  UpgradeSource,
} from "./node/server-api.ts";
export { LevelStorage } from "./storage/level.ts";
export { MemoryStorage } from "./storage/memory.ts";
export type { HeartbeatOptions } from "./transports/connections.ts";
export type { Connect, Socket, SocketEvents } from "./transports/loopback.ts";
