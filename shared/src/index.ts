export { type AwarenessEntry, decodeAwareness, encodeAwareness, isAwarenessState } from "./awareness.ts";
export { ByteReader, equalBytes } from "./byte-reader.ts";
export { type DocumentName, parseDocumentName } from "./document-name.ts";
export {
  ERRORS,
  type ErrorCode,
  type ErrorRow,
  JoineryError,
  type Retry,
  retryAfterClose,
  toJoineryError,
} from "./errors.ts";
export { type ClockRange, type Inspection, inspectUpdate } from "./inspector.ts";
export { DEFAULT_LIMITS, LIMITS, type LimitName, type LimitRow, type Limits } from "./limits.ts";
export { decodeStateVector, encodeStateVector, type StateVector } from "./state-vector.ts";
