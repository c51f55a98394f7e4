/**
 * Who is here. Wires y-protocols' Awareness, which editor bindings know, to the session: what changes locally is told
 * once a turn, what others announce is applied, and nobody is shown while there is no connection.
 */

import {
  type Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from "y-protocols/awareness";
import type { DocumentHost } from "./document-host.ts";
import { PRESENCE_THROTTLE_MS, TYPING_AGAIN_MS, TYPING_MS } from "./limits.ts";
import { attempt } from "./observable.ts";
import type { ClientClock, Timer } from "./ports.ts";

/** What somebody says of themselves: a JSON object. */
export type PresenceState = Readonly<Record<string, unknown>>;

/** Somebody else in the document. */
export interface Other {
  /** The Yjs client id of their Y.Doc. */
  readonly clientId: number;
  /** Who the server knows them to be; `null` for nobody in particular. Unlike `state`, nobody can make it up. */
  readonly user: string | null;
  /** What they say of themselves. */
  readonly state: PresenceState;
  /** Whether they typed in the last 3 s, as far as they said. */
  readonly isTyping: boolean;
}

interface Typing {
  /** What they said, which differs each time. */
  readonly mark: unknown;
  /** Ends it; nobody is believed to type for longer after they said so, even if they freeze. `null` once it did. */
  readonly timer: Timer | null;
}

interface Changes {
  readonly added: readonly number[];
  readonly updated: readonly number[];
  readonly removed: readonly number[];
}

export class Presence {
  readonly #awareness: Awareness;
  readonly #clock: ClientClock;
  readonly #host: DocumentHost;
  readonly #onDue: () => void;
  readonly #stops: readonly (() => void)[];
  readonly #users = new Map<number, string>();
  readonly #typing = new Map<number, Typing>();
  readonly #onUpdate = (changes: Changes, origin: unknown) => this.#updated(changes, origin);
  #isUp = false;
  #isDue = false;
  /** What `set` was given and has not been announced. */
  #pending: Record<string, unknown> | null = null;
  #throttle: Timer | null = null;
  #stopTyping: Timer | null = null;
  #saidTypingAtMs = Number.NEGATIVE_INFINITY;
  #typingMark = 0;
  /** What was announced before the page was hidden. */
  #hidden: PresenceState | null = null;

  /** @param onDue Told when there is something to take. */
  constructor(awareness: Awareness, host: DocumentHost, onDue: () => void) {
    this.#awareness = awareness;
    this.#host = host;
    this.#clock = host.environment.clock;
    this.#onDue = onDue;
    awareness.on("update", this.#onUpdate);
    const { environment } = host;
    this.#stops = [environment.onHide(() => this.#hide()), environment.onWake(() => this.#show())];
  }

  /** Everybody else. */
  others(): readonly Other[] {
    const { clientID } = this.#awareness;
    const others: Other[] = [];
    for (const [clientId, state] of this.#awareness.getStates()) {
      if (clientId === clientID) continue;
      const isTyping = Boolean(this.#typing.get(clientId)?.timer);
      others.push({ clientId, user: this.#users.get(clientId) ?? null, state, isTyping });
    }
    return others;
  }

  /** As editor bindings know it. */
  get awareness(): Awareness {
    return this.#awareness;
  }

  /** Changes some fields of our state: the first time at once, then at most once a pause, always the newest. */
  set(fields: PresenceState): void {
    this.#pending = { ...this.#pending, ...fields };
    if (!this.#throttle) this.#announce();
  }

  /** We are typing; others see it for 3 s. */
  typing(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#stopTyping?.cancel();
    this.#stopTyping = this.#clock.setTimer(TYPING_MS, () => {
      this.#saidTypingAtMs = Number.NEGATIVE_INFINITY;
      this.set({ typing: null });
    });
    if (nowMs - this.#saidTypingAtMs < TYPING_AGAIN_MS) return;
    this.#saidTypingAtMs = nowMs;
    this.set({ typing: ++this.#typingMark });
  }

  /** Stops watching; others' states go. */
  close(): void {
    this.linkIsDown();
    this.#throttle?.cancel();
    this.#stopTyping?.cancel();
    this.#awareness.off("update", this.#onUpdate);
    for (const stop of this.#stops) stop();
  }

  // What the session tells

  take(): Uint8Array | null {
    if (!this.#isDue || !this.#isUp) return null;
    this.#isDue = false;
    return encodeAwarenessUpdate(this.#awareness, [this.#awareness.clientID]);
  }

  received(users: ReadonlyMap<number, string>, update: Uint8Array): void {
    for (const [clientId, user] of users) this.#users.set(clientId, user);
    const awareness = this.#awareness;
    const ownState = awareness.getLocalState();
    const ownClock = awareness.meta.get(awareness.clientID)?.clock;
    this.#guard(() => applyAwarenessUpdate(awareness, update, this));
    // What we say of ourselves, nobody else does: it is said again, under a newer clock.
    if (awareness.meta.get(awareness.clientID)?.clock !== ownClock) this.#say(ownState);
    this.#host.othersChanged();
  }

  linkIsUp(): void {
    this.#isUp = true;
    const state = this.#awareness.getLocalState();
    // Under a newer clock: the server remembers the one with which we left.
    if (state) this.#say(state);
  }

  linkIsDown(): void {
    this.#isUp = false;
    this.#isDue = false;
    const { clientID, meta } = this.#awareness;
    const others = [...meta.keys()].filter((clientId) => clientId !== clientID);
    this.#guard(() => removeAwarenessStates(this.#awareness, others, this));
    // They come back under the clock that they have now.
    for (const clientId of others) {
      meta.delete(clientId);
      this.#stopsTyping(clientId);
    }
    this.#users.clear();
    this.#host.othersChanged();
  }

  /** The page is about to go: others need not wait until the server notices. */
  #hide(): void {
    this.#hidden = this.#awareness.getLocalState();
    this.#say(null);
    // There is no later.
    this.#host.connection.outgoing.flush();
  }

  /** It came back. */
  #show(): void {
    if (this.#hidden && this.#awareness.getLocalState() === null) this.#say(this.#hidden);
    this.#hidden = null;
  }

  #announce(): void {
    const fields = this.#pending;
    this.#pending = null;
    this.#throttle = null;
    if (!fields) return;
    const { presenceThrottleMs = PRESENCE_THROTTLE_MS } = this.#host.options;
    this.#throttle = this.#clock.setTimer(presenceThrottleMs, () => this.#announce());
    this.#say({ ...this.#awareness.getLocalState(), ...fields });
  }

  #say(state: PresenceState | null): void {
    this.#guard(() => this.#awareness.setLocalState(state));
  }

  /** Cursors are drawn by listeners: what they throw must not end a connection. */
  #guard(change: () => void): void {
    attempt(change, this.#host.report);
  }

  #updated({ added, updated, removed }: Changes, origin: unknown): void {
    const { clientID } = this.#awareness;
    const isOwn = [added, updated, removed].some((ids) => ids.includes(clientID));
    if (isOwn && origin !== this) {
      this.#isDue = true;
      if (this.#isUp) this.#onDue();
    }
    for (const clientId of removed) {
      this.#users.delete(clientId);
      this.#stopsTyping(clientId);
    }
    for (const clientId of [...added, ...updated]) if (clientId !== clientID) this.#noteTyping(clientId);
    this.#host.othersChanged();
  }

  #noteTyping(clientId: number): void {
    const mark: unknown = this.#awareness.getStates().get(clientId)?.typing;
    if (this.#typing.get(clientId)?.mark === mark) return;
    this.#stopsTyping(clientId);
    if (!mark) return;
    const timer = this.#clock.setTimer(TYPING_MS, () => {
      // The mark stays, so that it is not taken for a new one.
      this.#typing.set(clientId, { mark, timer: null });
      this.#host.othersChanged();
    });
    this.#typing.set(clientId, { mark, timer });
  }

  #stopsTyping(clientId: number): void {
    this.#typing.get(clientId)?.timer?.cancel();
    this.#typing.delete(clientId);
  }
}
