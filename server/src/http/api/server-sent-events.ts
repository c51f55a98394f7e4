/** Server-sent events as bytes (WHATWG HTML, section 9.2). */

export interface ServerSentEvent {
  /** What the client asks to go on behind, as `Last-Event-ID`. No line breaks. */
  readonly id?: string;
  /** What kind it is. No line breaks. */
  readonly event: string;
  /** Sent as JSON, which has no line breaks. */
  readonly data: object;
}

/** Encoded once, the same bytes can go to everybody. */
export function encodeEvent({ id, event, data }: ServerSentEvent): Uint8Array {
  const named = id === undefined ? "" : `id: ${id}\n`;
  return Buffer.from(`${named}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** What clients pass over; proxies see that somebody is there. */
export const KEEP_ALIVE = Buffer.from(":\n\n");
