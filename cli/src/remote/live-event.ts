/** What a server tells of a document while it is followed. */

import { ERRORS, type ErrorCode, type Retry } from "@joinery/shared";
import { Fields } from "./fields.ts";

/** What one author did in a batch. */
export interface LivePart {
  readonly author: string;
  readonly bytes: number;
  readonly clients: readonly unknown[];
  readonly structs: number;
  readonly inserted: number;
  readonly deleted: number;
  /** Why its update does not decode, where it does not: all counts are 0 then. */
  readonly problem: string | null;
  /** `null` where it was not asked for. */
  readonly update: Uint8Array | null;
}

/** A batch of the log. */
export interface LiveBatch {
  readonly kind: "batch";
  readonly seq: number;
  /** In milliseconds since 1970; 0 where it is not known. */
  readonly time: number;
  readonly bytes: number;
  readonly parts: readonly LivePart[];
}

/** Somebody who is there. */
export interface LivePerson {
  readonly clientId: number;
  /** Empty for nobody in particular. */
  readonly user: string;
  /** What they announce of themselves, as JSON. */
  readonly state: unknown;
}

export type LiveEvent =
  | { readonly kind: "hello"; readonly lineage: string; readonly seq: number }
  | { readonly kind: "reset"; readonly reason: string }
  | LiveBatch
  | { readonly kind: "gap"; readonly from: number; readonly to: number }
  | {
      readonly kind: "presence";
      /** Whether `joined` is everybody. */
      readonly isAll: boolean;
      readonly joined: readonly LivePerson[];
      readonly changed: readonly LivePerson[];
      readonly left: readonly number[];
    }
  | {
      readonly kind: "signal";
      readonly name: string;
      readonly user: string;
      readonly session: number;
      readonly payload: unknown;
    }
  | { readonly kind: "missed"; readonly signals: number }
  /** The last one. */
  | { readonly kind: "end"; readonly code: ErrorCode; readonly retry: Retry; readonly message: string };

/** @returns `null` for one of a later version. */
export function liveEventOf(event: string, data: unknown): LiveEvent | null {
  const it = new Fields(data, `the event "${event}"`);
  switch (event) {
    case "hello":
      return helloOf(it);
    case "reset":
      return { kind: "reset", reason: it.text("reason") };
    case "batch":
      return batchOf(it);
    case "gap":
      return { kind: "gap", from: it.whole("from"), to: it.whole("to") };
    case "presence":
      return {
        kind: "presence",
        isAll: it.value("all") === true,
        joined: it.each("joined").map(personOf),
        changed: it.each("changed").map(personOf),
        left: it.list("left").filter((id) => typeof id === "number"),
      };
    case "signal":
      return {
        kind: "signal",
        name: it.text("name"),
        user: it.text("user"),
        session: it.whole("session"),
        payload: it.value("payload"),
      };
    case "missed":
      return { kind: "missed", signals: it.whole("signals") };
    case "deleted":
    case "closed":
      return endOf(it);
    default:
      return null;
  }
}

function helloOf(hello: Fields): LiveEvent {
  const [lineage = "", , seq] = hello.text("revision").split(".");
  if (!/^\d{1,16}$/.test(seq ?? "")) throw hello.strange("revision");
  return { kind: "hello", lineage, seq: Number(seq) };
}

/** A batch, as events and the log have it. */
export function batchOf(entry: Fields): LiveBatch {
  return {
    kind: "batch",
    seq: entry.whole("seq"),
    time: entry.number("timeMs"),
    bytes: entry.whole("bytes"),
    parts: entry.each("parts").map((part) => ({
      author: part.text("author"),
      bytes: part.whole("bytes"),
      clients: part.list("clients"),
      structs: part.whole("structs"),
      inserted: part.whole("inserted"),
      deleted: part.whole("deleted"),
      problem: part.textOrNull("problem"),
      update: part.has("update") ? part.bytes("update") : null,
    })),
  };
}

function personOf(person: Fields): LivePerson {
  return { clientId: person.whole("clientId"), user: person.text("user"), state: person.value("state") };
}

const RETRIES: readonly Retry[] = ["never", "backoff", "after-auth"];

function endOf(end: Fields): LiveEvent {
  const code = end.text("code");
  const retry = RETRIES.find((known) => known === end.text("retry")) ?? "never";
  const known = Object.hasOwn(ERRORS, code);
  // A later version has more of them.
  return {
    kind: "end",
    code: known ? (code as ErrorCode) : "CONNECTION_LOST",
    retry,
    message: end.text("message"),
  };
}
