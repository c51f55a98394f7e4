export {
  type ClientFrame,
  clientFrames,
  decodeClientFrame,
  MAX_AGENT_BYTES,
  MAX_TOKEN_BYTES,
  type Open,
  type Partial as PartialFrame,
  type SignalTarget,
} from "./client-frames.ts";
export { inFragments, inUncopiedFragments, MAX_FRAGMENT_OVERHEAD_BYTES, Reassembly } from "./fragments.ts";
export {
  FrameReader,
  forEachFrame,
  MAX_CLIENT_FRAMES,
  type RawFrame,
  readReassembled,
} from "./frame-reader.ts";
export {
  type BranchId,
  CAPABILITIES,
  CONNECTION_FRAMES,
  DOCUMENT_FRAMES,
  FIRST_OPTIONAL_FRAME,
  FRAGMENT_ID_BYTES,
  type LineageId,
  type LogPlace,
  type LogPoint,
  MAX_CONFIRMED,
  PROTOCOL_VERSION,
  type Revision,
  SUBPROTOCOL,
  TOKEN_SUBPROTOCOL_PREFIX,
} from "./frame-types.ts";
export {
  type Beginning,
  decodeServerFrame,
  type NewestBranch,
  type Opened,
  type ServerFrame,
  type ServerHello,
  serverFrames,
  type WireError,
  type WirePermission,
} from "./server-frames.ts";
export { type Fragment, MAX_PING_BYTES } from "./two-way-frames.ts";
