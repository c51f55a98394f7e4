/** The Joinery server, to embed: `createServer(options)`, then `listen` or `attach`. */

export type { AccessOptions } from "./access/access-options.ts";
export { fetchKeySet } from "./access/jwt/fetch-key-set.ts";
export type { JwtOptions, PublicKey } from "./access/jwt/jwt-options.ts";
export type { JwtAlgorithm } from "./access/jwt/key-ring.ts";
export {
  KEY_KINDS,
  type KeyKind,
  mintToken,
  newKeyPair,
  newSecret,
  readSigningKey,
  refusalOfToken,
  type SigningKey,
} from "./access/jwt/mint.ts";
export type { JsonWebKeySet } from "./access/jwt/read-keys.ts";
export type { DocumentRights } from "./access/patterns.ts";
export type { CodeEditOptions } from "./documents/code-edits.ts";
export { type MergeTarget, updateOfPlain, updateOfText } from "./edits/plain-update.ts";
export type { FlushOptions } from "./engine/flush-window.ts";
export type {
  Append,
  Author,
  Deletion,
  DeletionRequest,
  DocumentSummary,
  Lineage,
  LogEntry,
  LogPart,
  Revision,
  Snapshot,
  Storage,
  StorageHealth,
  StoredDocument,
} from "./engine/ports.ts";
export type { Action, Level, RightsSpec } from "./engine/rights.ts";
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
  TokenRejected,
  type Visitor,
  type VisitorSession,
} from "./extensions/hooks/hooks.ts";
export type { AppendedUpdate } from "./import/append-update.ts";
export type { ImportKind, ImportOutcome } from "./import/import-documents.ts";
export { SecondFormat } from "./import/second-format.ts";
export { SOURCE_KINDS } from "./import/sources.ts";
export { type Moment, parseMoment } from "./inspect/at.ts";
export {
  contentOf,
  type DocumentContent,
  type PackedContent,
  readPacked,
  readStored,
  type StoredContent,
} from "./inspect/content.ts";
export { describeRoot } from "./inspect/content-describe.ts";
export type { ContentNode, ContentRoot } from "./inspect/content-nodes.ts";
export { ROOT_KINDS, type RootKind } from "./inspect/content-roots.ts";
export { compareContents, type Difference } from "./inspect/diff.ts";
export { type Authorship, authorshipOf } from "./inspect/diff-authors.ts";
export { describeDifference } from "./inspect/diff-json.ts";
export { linesOfDifferences } from "./inspect/diff-lines.ts";
export { openFolderSource } from "./inspect/folder-source.ts";
export { insertedText } from "./inspect/inserted-text.ts";
export { type EntrySummary, type PartSummary, summarizeEntry } from "./inspect/log-entries.ts";
export { loadPacked } from "./inspect/packed-document.ts";
export { ReadBytes, releaseAll } from "./inspect/released-memory.ts";
export {
  RENDER_FORMATS,
  type RenderFormat,
  type Rendering,
  type RenderRequest,
  render,
} from "./inspect/render.ts";
export {
  type ClientSizes,
  type DocumentSizes,
  type GuessedKind,
  type RootSizes,
  sizesOf,
} from "./inspect/sizes.ts";
export {
  type DocumentListing,
  type DocumentSource,
  MAX_PROBLEMS,
  type Problem,
  type RestorableSource,
  type Verification,
} from "./inspect/source.ts";
export { plainTextOfRoots } from "./inspect/text.ts";
export { type TreeLine, type TreePiece, treeOf } from "./inspect/tree.ts";
export { printable, printableLines, widthOf } from "./inspect/tree-printable.ts";
export { SYSTEM_CLOCK } from "./node/clock.ts";
export {
  CONFIG_FILES,
  type Config,
  configFromEnvironment,
  defineConfig,
  loadConfig,
  mergeConfig,
  parseLevel,
  parsePort,
  parseProxies,
  readKeyFile,
  readKeyText,
} from "./node/config.ts";
export { openFolderTools } from "./node/folder-tools.ts";
export type {
  CompactionScope,
  DocumentCompaction,
  FolderTools,
  FolderToolsOptions,
} from "./node/folder-tools-api.ts";
export type { Logger } from "./node/log.ts";
export { type MigrateOptions, type Migration, openMigration } from "./node/migrate.ts";
export { type ResolvedOptions, resolveOptions, type ServerOptions } from "./node/options.ts";
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
export type { RecordProblem } from "./storage/record-scan.ts";
export type { DocumentRepair, LostEdits } from "./storage/repair.ts";
export type { FolderRest } from "./storage/repair-rest.ts";
export type { HeartbeatOptions } from "./transports/connections.ts";
export type { Connect, Socket, SocketEvents } from "./transports/loopback.ts";
