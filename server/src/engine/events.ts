import { type DocumentName, type JoineryError, type LimitName, limitNamed } from "@joinery/shared";
import { type Concerned, concerned, type Participant } from "./peer.ts";
import { type Action, ActionDenied } from "./rights.ts";

/** What happened that a person or a metric may want to know. The engine reports; it never prints. */
export type EngineEvent =
  | {
      readonly type: "room-loaded";
      readonly document: DocumentName;
      readonly epoch: number;
      readonly entries: number;
      readonly ms: number;
    }
  | { readonly type: "room-evicted"; readonly document: DocumentName; readonly epoch: number }
  /** It can be read as far as it is sound, and not written to. */
  | { readonly type: "document-damaged"; readonly document: DocumentName; readonly error: JoineryError }
  | { readonly type: "load-failed"; readonly document: DocumentName; readonly error: JoineryError }
  | { readonly type: "commit-failed"; readonly document: DocumentName; readonly error: JoineryError }
  | { readonly type: "room-failed"; readonly document: DocumentName; readonly error: JoineryError }
  | {
      readonly type: "compacted";
      readonly document: DocumentName;
      readonly seq: number;
      readonly bytes: number;
      readonly ms: number;
    }
  | { readonly type: "compaction-failed"; readonly document: DocumentName; readonly error: JoineryError }
  | (Concerned & {
      readonly type: "input-refused";
      readonly document: DocumentName;
      readonly error: JoineryError;
    })
  /** Somebody wanted to do what they may not. */
  | (Concerned & {
      readonly type: "action-denied";
      readonly document: DocumentName;
      readonly action: Action;
    })
  /** News came under client ids of others who are there; it was not taken. At most 8 of them are told. */
  | (Concerned & {
      readonly type: "id-spoofed";
      readonly document: DocumentName;
      readonly kind: "presence" | "edit";
      readonly clientIds: readonly number[];
    })
  | (Concerned & {
      readonly type: "held-aside";
      readonly document: DocumentName;
      readonly reason: "gap" | "owned";
      readonly bytes: number;
    })
  | { readonly type: "rehearsal-failed"; readonly document: DocumentName; readonly error: JoineryError }
  | (Concerned & {
      readonly type: "held-dropped";
      readonly document: DocumentName;
      readonly reason: "gap" | "owned";
    })
  | (Concerned & {
      readonly type: "signal-failed";
      readonly document: DocumentName;
      readonly error: JoineryError;
    })
  /** Whom it is about is told where it is known. */
  | (Partial<Concerned> & {
      readonly type: "limit-hit";
      readonly document: DocumentName;
      readonly limit: LimitName;
    })
  | (Concerned & {
      readonly type: "session-lagging";
      readonly document: DocumentName;
      readonly bufferedBytes: number;
    })
  | (Concerned & {
      readonly type: "session-too-slow";
      readonly document: DocumentName;
      readonly bufferedBytes: number;
    });

/** How many ids of one event are told: it is their number that matters then. */
const MAX_TOLD_IDS = 8;

/** Something that somebody sent was refused. What they may not do is an event of its own. */
export function refusalEvent(document: DocumentName, error: JoineryError, from: Participant): EngineEvent {
  if (error instanceof ActionDenied) {
    return { type: "action-denied", document, action: error.action, ...concerned(from) };
  }
  return { type: "input-refused", document, error, ...concerned(from) };
}

/** Somebody showed presence, or brought edits, under ids of others who are there. */
export function spoofEvent(
  document: DocumentName,
  kind: "presence" | "edit",
  clientIds: readonly number[],
  from: Participant,
): EngineEvent {
  return {
    type: "id-spoofed",
    document,
    kind,
    clientIds: clientIds.slice(0, MAX_TOLD_IDS),
    ...concerned(from),
  };
}

/** The limit that an event was about; `null` if about none. */
export function limitOf(event: EngineEvent): LimitName | null {
  if (event.type === "limit-hit") return event.limit;
  if (event.type === "input-refused") return limitNamed(event.error.limit);
  if (event.type === "session-lagging") return "maxBufferedBytes";
  return event.type === "session-too-slow" ? "stalledTimeoutMs" : null;
}
