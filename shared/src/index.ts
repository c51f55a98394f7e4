export { type AwarenessEntry, decodeAwareness, encodeAwareness, isAwarenessState } from "./awareness.ts";
export { ByteReader, equalBytes } from "./byte-reader.ts";
export { crc32c, findFlippedBit } from "./crc32c.ts";
export { type DeletedTicks, EMPTY_DELETE_SET, encodeDeleteSet } from "./delete-set.ts";
export { type DocumentName, parseDocumentName } from "./document-name.ts";
export { ERROR_DETAILS, type ErrorDetails, publicMessageOf } from "./error-details.ts";
export {
  ERRORS,
  type ErrorCode,
  type ErrorRow,
  JoineryError,
  type Retry,
  retryAfterClose,
  toJoineryError,
} from "./errors.ts";
export {
  type ClockRange,
  deleteCursor,
  forEachDelete,
  type Inspection,
  inspectUpdate,
  NO_UPDATE_LIMITS,
  type UpdateLimits,
} from "./inspector.ts";
export { isJson } from "./json.ts";
export { lengthPrefix, lengthPrefixed } from "./length-prefixed.ts";
export {
  DEFAULT_LIMITS,
  LIMITS,
  type LimitName,
  type LimitRow,
  type Limits,
  limitMetric,
  limitNamed,
} from "./limits.ts";
export {
  computeChecksum,
  formatOf,
  SEAL_BYTES,
  type SealedRecord,
  sealPayload,
  sealRecord,
  sealType,
  unsealRecord,
} from "./sealed-record.ts";
export { decodeStateVector, encodeStateVector, type StateVector } from "./state-vector.ts";
export { writeUint32 } from "./uint32.ts";
export { type StructBlock, StructCursor, StructKind } from "./update-cursor.ts";
export { UpdateReader } from "./update-reader.ts";
