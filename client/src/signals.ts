/** Messages of an application, as frames. */

import { clientFrames, type ServerFrame } from "@joinery/shared/protocol";
import { decodeUtf8, encodeUtf8 } from "lib0/string";
import type { Signal } from "./document-api.ts";

/** All who are there, this client included; the others; or one user, in all of their sessions. */
export type SignalReceiver = "all" | "others" | { readonly user: string };

/** @throws TypeError when the payload cannot be said in JSON. */
export function writeSignal(name: string, payload: unknown, to: SignalReceiver): Uint8Array {
  const json = encodeUtf8(JSON.stringify(payload ?? null));
  const target = typeof to === "string" ? { kind: to } : ({ kind: "user", user: to.user } as const);
  return clientFrames.signal(target, name, json);
}

/** @returns `null` for what is no JSON: anybody may have sent it, and it concerns nobody. */
export function readSignal(frame: Extract<ServerFrame, { type: "signal" }>): Signal | null {
  const { name, session, user } = frame;
  try {
    const payload: unknown = JSON.parse(decodeUtf8(frame.payload));
    return { name, payload, user: user || null, session };
  } catch {
    return null;
  }
}
