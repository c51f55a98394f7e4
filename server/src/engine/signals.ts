/**
 * Signals: an application's own messages to those who are in a document. They are never stored, and never queued for
 * a client that reads too slowly. Where the application registered a handler for a name, its schema and its handler
 * decide what is passed on.
 */

import { type DocumentName, isJson, JoineryError, type Limits, toJoineryError } from "@joinery/shared";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { LazyWeakMap } from "./lazy-map.ts";
import type { SessionPeer } from "./peer.ts";
import { type PendingSignal, type PendingSignalBytes, PendingSignals } from "./pending-signals.ts";
import type { Author, Clock, Dialect, Signal } from "./ports.ts";
import { TokenBucket } from "./token-bucket.ts";

/**
 * To whom a signal goes: everybody in the document, everybody but its sender, one user's sessions, or nobody: it is
 * for the application alone.
 */
type SignalTarget =
  | { readonly kind: "all" }
  | { readonly kind: "others" }
  | { readonly kind: "user"; readonly user: Author }
  | { readonly kind: "server" };

/** A signal as its sender gave it. */
export interface SentSignal {
  readonly to: SignalTarget;
  readonly name: string;
  /** JSON as UTF-8; may be a view. */
  readonly payload: Uint8Array;
}

/** What the server says; the payload is JSON as UTF-8. */
export type ServerSignal = Pick<Signal, "name" | "payload">;

type SignalLimits = Pick<Limits, "maxSignalBytes" | "maxSignalNameBytes">;

/** Where a signal came from, and how to answer. */
export interface SignalContext {
  readonly document: DocumentName;
  /** Whom the server takes the sender for; empty for nobody in particular. */
  readonly user: Author;
  /** Number of the sender's session; greater for one that was opened later. */
  readonly session: number;
  /** Sends the sender alone a signal of the server's; anything that `JSON.stringify` takes. */
  send(name: string, payload: unknown): void;
}

/** What the application does with signals of one name. */
export interface SignalHandler<Schema extends StandardSchemaV1 = StandardSchemaV1> {
  /** Of any Standard Schema library. A payload that it refuses is not passed on, and its sender is told. */
  readonly schema: Schema;
  /**
   * Called with what the schema made of the payload. The signal is passed on as it came, unless this returns or
   * resolves to `false`. What it throws is reported; the signal is not passed on then. Nor is it when this takes longer
   * than `signalTimeoutMs` (default 30 s): what it does after that is its own affair.
   */
  readonly handle?: (
    payload: StandardSchemaV1.InferOutput<Schema>,
    context: SignalContext,
    // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is the usual one.
  ) => boolean | void | Promise<boolean | void>;
}

/** The handlers of a server, by the name of the signal. */
export type SignalHandlers = Map<string, SignalHandler>;

/** The part of a session that signals need. */
export interface SignalSession {
  readonly id: number;
  readonly author: Author;
  readonly peer: SessionPeer;
  readonly dialect: Dialect;
  readonly isClosed: boolean;
  /** @returns Whether it was sent. */
  tellSignal(frame: Uint8Array): boolean;
  notice(error: JoineryError): void;
}

export interface SignalsOptions<Session extends SignalSession> {
  readonly document: DocumentName;
  readonly limits: Limits;
  readonly clock: Pick<Clock, "monotonicMs" | "setTimer">;
  readonly handlers: SignalHandlers;
  /** Those that wait for a handler, of all rooms. */
  readonly pending: PendingSignalBytes;
  /** Those who are in the document. */
  readonly sessions: ReadonlySet<Session>;
  /** A signal was not sent to a client because that reads too slowly. */
  readonly onDropped: () => void;
  /** A handler failed. */
  readonly onFailed: (error: JoineryError, from: SignalSession) => void;
}

/** What one session has sent. */
interface Account {
  readonly rate: TokenBucket;
  /** Signals that the application has not decided yet. */
  pending: number;
}

/** JSON that is deeper overflows the stack of whoever walks it. */
const MAX_DEPTH = 64;

/** The signals of one room. */
export class Signals<Session extends SignalSession> {
  readonly #options: SignalsOptions<Session>;
  readonly #accounts = new LazyWeakMap<SignalSession, Account>();
  readonly #pending: PendingSignals;

  constructor(options: SignalsOptions<Session>) {
    const { clock, limits, pending } = options;
    this.#options = options;
    this.#pending = new PendingSignals({ clock, limits, all: pending });
  }

  /** The room is gone: nothing that is decided later is passed on. */
  close(): void {
    this.#pending.close();
  }

  /**
   * Passes a signal on, now or when the application has decided.
   *
   * @throws JoineryError SIGNAL_REFUSED (never retry).
   */
  accept(sender: SignalSession, signal: SentSignal): void {
    check(signal, this.#options.limits);
    const account = this.#spend(sender);
    const handler = this.#options.handlers.get(signal.name);
    if (!handler) {
      this.#pass(sender, signal);
      return;
    }
    // The bytes may be a view into a message that is much larger, and the application takes as long as it likes.
    const own = { ...signal, payload: new Uint8Array(signal.payload) };
    const pending = this.#begin(sender, account, own);
    const end = () => {
      account.pending--;
      return this.#pending.end(pending);
    };
    this.#decide(handler, sender, own).then(
      (isPassedOn) => {
        if (end() && isPassedOn) this.#pass(sender, own);
      },
      (error: unknown) => {
        if (end()) this.#failed(sender, error);
      },
    );
  }

  /** Counts a signal that waits for the application. */
  #begin(sender: SignalSession, account: Account, { name, payload }: SentSignal): PendingSignal {
    const { maxPendingSignals, signalTimeoutMs } = this.#options.limits;
    if (account.pending >= maxPendingSignals) {
      throw refused(`${maxPendingSignals} signals of this session wait already`, "maxPendingSignals");
    }
    const pending = this.#pending.begin(payload.length, () => {
      const message = `signal "${name}" was not decided within ${signalTimeoutMs} ms`;
      this.#failed(sender, refused(message, "signalTimeoutMs"));
    });
    if (!pending) throw refused("too many signals wait already", "maxPendingSignalBytes");
    account.pending++;
    return pending;
  }

  /** Sends a signal of the server's to those for whom this is true. @returns To how many. */
  tell(signal: ServerSignal, isFor: (session: Session) => boolean): number {
    return this.#tellAll({ user: "", session: 0, ...signal }, isFor);
  }

  #spend(sender: SignalSession): Account {
    const { limits, clock } = this.#options;
    const { maxSignalsPerSecond: perSecond, maxBurstMs: burstMs } = limits;
    const nowMs = clock.monotonicMs();
    let account = this.#accounts.get(sender);
    if (!account) {
      account = { rate: new TokenBucket({ perSecond, burstMs }, nowMs), pending: 0 };
      this.#accounts.set(sender, account);
    }
    if (account.rate.spend(nowMs)) return account;
    throw refused(`a session may send ${perSecond} signals a second`, "maxSignalsPerSecond");
  }

  async #decide(handler: SignalHandler, sender: SignalSession, signal: SentSignal): Promise<boolean> {
    const { name, payload } = signal;
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    const result = await handler.schema["~standard"].validate(value);
    if (result.issues) throw refused(`signal "${name}": ${describe(result.issues)}`);
    const context = {
      document: this.#options.document,
      user: sender.author,
      session: sender.id,
      send: (answer: string, content: unknown) => this.#send(sender, answer, content),
    };
    return (await handler.handle?.(result.value, context)) !== false;
  }

  #send(to: SignalSession, name: string, content: unknown): void {
    const payload = new TextEncoder().encode(JSON.stringify(content) ?? "null");
    this.#tell(to, to.dialect.signal({ user: "", session: 0, name, payload }));
  }

  #pass(sender: SignalSession, { to, name, payload }: SentSignal): void {
    if (to.kind === "server") return;
    this.#tellAll({ user: sender.author, session: sender.id, name, payload }, (session) => {
      if (to.kind === "user") return to.user !== "" && session.author === to.user;
      return to.kind === "all" || session !== sender;
    });
  }

  #tellAll(signal: Signal, isFor: (session: Session) => boolean): number {
    const frames = new Map<Dialect, Uint8Array | null>();
    let count = 0;
    for (const session of this.#options.sessions) {
      if (!isFor(session)) continue;
      let frame = frames.get(session.dialect);
      if (frame === undefined) {
        frame = session.dialect.signal(signal);
        frames.set(session.dialect, frame);
      }
      if (this.#tell(session, frame)) count++;
    }
    return count;
  }

  /** @returns Whether it was sent. */
  #tell(session: SignalSession, frame: Uint8Array | null): boolean {
    if (frame === null || session.isClosed) return false;
    const isSent = session.tellSignal(frame);
    if (!isSent) this.#options.onDropped();
    return isSent;
  }

  #failed(sender: SignalSession, thrown: unknown): void {
    const error = toJoineryError(thrown);
    if (error.code !== "SIGNAL_REFUSED") this.#options.onFailed(error, sender);
    sender.notice(error);
  }
}

/**
 * A signal of the server's, of anything that `JSON.stringify` takes.
 *
 * @throws JoineryError SIGNAL_REFUSED (never retry) when it is over the limits that clients have, or no JSON.
 */
export function serverSignal(name: string, content: unknown, limits: SignalLimits): ServerSignal {
  const signal = { name, payload: toJson(name, content) };
  check(signal, limits);
  return signal;
}

function toJson(name: string, content: unknown): Uint8Array {
  try {
    return new TextEncoder().encode(JSON.stringify(content) ?? "null");
  } catch (cause) {
    throw new JoineryError("SIGNAL_REFUSED", `signal "${name}" is not JSON`, { cause });
  }
}

function check({ name, payload }: ServerSignal, limits: SignalLimits): void {
  const { maxSignalBytes, maxSignalNameBytes } = limits;
  const nameBytes = new TextEncoder().encode(name).length;
  if (nameBytes === 0 || nameBytes > maxSignalNameBytes) {
    const message = `the signal's name has ${nameBytes} bytes, it must have 1 to ${maxSignalNameBytes}`;
    throw refused(message, "maxSignalNameBytes");
  }
  if (payload.length > maxSignalBytes) {
    const message = `signal "${name}" has ${payload.length} bytes, the limit is ${maxSignalBytes}`;
    throw refused(message, "maxSignalBytes");
  }
  if (!isJson(payload, MAX_DEPTH, "any")) throw refused(`signal "${name}" is not JSON`);
}

function describe(issues: readonly StandardSchemaV1.Issue[]): string {
  const [first] = issues;
  if (!first) return "the schema refuses it";
  const path = first.path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return path ? `${path}: ${first.message}` : first.message;
}

function refused(message: string, limit?: string): JoineryError {
  return new JoineryError("SIGNAL_REFUSED", message, limit === undefined ? {} : { limit });
}
