/** Frames of both sides as the tests of the codec need them: encoded, decoded, and as the test vectors write them. */

import { JoineryError } from "@joinery/shared";
import {
  type ClientFrame,
  clientFrames,
  decodeClientFrame,
  decodeServerFrame,
  forEachFrame,
  MAX_CLIENT_FRAMES,
  type RawFrame,
  type ServerFrame,
  serverFrames,
} from "@joinery/shared/protocol";

export type Side = "client" | "server";
export type Frame = ClientFrame | ServerFrame;

export function encodeClientFrame(frame: ClientFrame): Uint8Array {
  switch (frame.type) {
    case "hello":
      return clientFrames.hello(frame);
    case "select":
      return clientFrames.select(frame.channel);
    case "ping":
      return clientFrames.ping(frame.payload);
    case "pong":
      return clientFrames.pong(frame.payload);
    case "token":
      return clientFrames.token(frame.channel, frame.token);
    case "open":
      return clientFrames.open(frame);
    case "sync":
      return clientFrames.sync(frame.stateVector);
    case "update":
      return clientFrames.update(frame.number, frame.update);
    case "answer":
      return clientFrames.answer(frame.number, frame.update);
    case "presence":
      return clientFrames.presence(frame.update);
    case "signal":
      return clientFrames.signal(frame.to, frame.name, frame.payload);
    case "seed":
      return clientFrames.seed(frame.update);
    case "fragment":
      return clientFrames.fragment(frame);
    case "progress":
      return clientFrames.progress(frame);
    case "close":
      return clientFrames.close();
  }
}

function encodeServerFrame(frame: ServerFrame): Uint8Array {
  switch (frame.type) {
    case "hello":
      return serverFrames.hello(frame);
    case "select":
      return serverFrames.select(frame.channel);
    case "ping":
      return serverFrames.ping(frame.payload);
    case "pong":
      return serverFrames.pong(frame.payload);
    case "goaway":
      return serverFrames.goaway(frame.afterMs, frame.withinMs);
    case "failed":
      return serverFrames.failed(frame);
    case "opened":
      return serverFrames.opened(frame);
    case "ask":
      return serverFrames.ask(frame.stateVector);
    case "ack":
      return serverFrames.ack(frame.number, frame.seq);
    case "batch":
      return serverFrames.batch(frame.seq, frame.durableSeq, frame.update);
    case "catchUp":
      return serverFrames.catchUp(frame.update, frame.isDeflated);
    case "caughtUp":
      return serverFrames.caughtUp(frame.seq, frame.durableSeq);
    case "durable":
      return serverFrames.durable(frame.seq);
    case "presence":
      return serverFrames.presence(frame.users, frame.update);
    case "signal":
      return serverFrames.signal(frame.user, frame.session, frame.name, frame.payload);
    case "notice":
      return serverFrames.notice(frame);
    case "close":
      return serverFrames.close(frame, frame.number, frame.remote);
    case "permission":
      return serverFrames.permission(frame.permission, frame.reason);
    case "seed":
      return serverFrames.seed();
    case "fragment":
      return serverFrames.fragment(frame);
    case "progress":
      return serverFrames.progress(frame);
  }
}

export function encodeFrame(from: Side, frame: Frame): Uint8Array {
  return from === "client"
    ? encodeClientFrame(frame as ClientFrame)
    : encodeServerFrame(frame as ServerFrame);
}

/** Reads one frame as the other side does: what only the wrong side says is malformed. */
export function decodeFrame(from: Side, frame: RawFrame): Frame {
  const decoded = from === "client" ? decodeClientFrame(frame) : decodeServerFrame(frame);
  if (!decoded) throw new JoineryError("MALFORMED_FRAME", `a ${from} sends no frame of type ${frame.type}`);
  return decoded;
}

export function decodeMessage(from: Side, message: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  const maxFrames = from === "client" ? MAX_CLIENT_FRAMES : Number.POSITIVE_INFINITY;
  forEachFrame(message, (frame) => frames.push(decodeFrame(from, frame)), maxFrames);
  return frames;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const fromHex = (hex: string): Uint8Array => {
  const bytes = new Uint8Array(Buffer.from(hex, "hex"));
  if (toHex(bytes) !== hex) throw new Error(`no hexadecimal digits: ${hex}`);
  return bytes;
};

/** Fields whose values are bytes; in JSON they are hexadecimal digits. */
const BYTE_FIELDS = new Set(["payload", "stateVector", "update", "id", "bytes"]);

/** A frame as the test vectors write it: bytes as hexadecimal digits, a map as pairs. */
export function frameToJson(frame: Frame): unknown {
  return JSON.parse(
    JSON.stringify(frame, (_, value) => {
      if (value instanceof Uint8Array) return toHex(value);
      return value instanceof Map ? [...value] : value;
    }),
  );
}

export function frameFromJson(json: unknown): Frame {
  return JSON.parse(JSON.stringify(json), function (this: object, name, value) {
    const isBranch = "before" in this;
    if (BYTE_FIELDS.has(name) && typeof value === "string" && !isBranch) return fromHex(value);
    return name === "users" ? new Map(value) : value;
  });
}

/** Whether every byte string in a decoded frame is a view into the message that it came in, not a copy beside it. */
export function isWithin(frame: Frame, message: Uint8Array): boolean {
  return bytesOf(frame).every(
    (bytes) =>
      bytes.buffer === message.buffer &&
      bytes.byteOffset >= message.byteOffset &&
      bytes.byteOffset + bytes.length <= message.byteOffset + message.length,
  );
}

function bytesOf(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(bytesOf) : [];
}
