import { isJson, JoineryError, type Limits } from "@joinery/shared";
import type { Guard, SessionInput } from "../../engine/guard.ts";
import type { Session } from "../../engine/session.ts";
import type { SentSignal } from "../../engine/signals.ts";
import type { HookCalls } from "./calls.ts";
import type { Hooks, SignalMessage, VisitorSession } from "./hooks.ts";

export interface SignalGuardOptions {
  readonly hooks: Pick<Hooks, "signal">;
  readonly calls: () => HookCalls;
  readonly limits: () => Pick<Limits, "maxSignalBytes">;
  readonly who: (session: Session) => VisitorSession<unknown>;
}

/** What the engine lets through. */
const MAX_DEPTH = 64;

/** Shows signals to the application before they are passed on. */
export class SignalGuard implements Guard<Session> {
  readonly #options: SignalGuardOptions;

  constructor(options: SignalGuardOptions) {
    this.#options = options;
  }

  before<Input extends SessionInput>(session: Session, input: Input): Promise<Input | null> | null {
    if (input.kind !== "signal") return null;
    const { payload } = input.signal;
    // What is no signal the engine refuses.
    if (payload.length > this.#options.limits().maxSignalBytes || !isJson(payload, MAX_DEPTH, "any"))
      return null;
    return this.#ask(session, input.signal).then((isPassedOn) => (isPassedOn ? input : null));
  }

  after(): void {
    // What became of it is told by nothing.
  }

  async #ask(session: Session, signal: SentSignal): Promise<boolean> {
    const { hooks, calls, who } = this.#options;
    const message = { ...who(session), ...toMessage(signal) };
    try {
      const call = async () => await hooks.signal?.(message);
      return (await calls().ask("signal", message.document, call)) !== false;
    } catch (thrown) {
      if (thrown instanceof JoineryError) throw thrown;
      const refusal = "the application could not take the signal";
      throw new JoineryError("SIGNAL_REFUSED", refusal, { cause: thrown });
    }
  }
}

function toMessage({
  name,
  payload,
  to,
}: SentSignal): Pick<SignalMessage<unknown>, "name" | "payload" | "to"> {
  const json: unknown = JSON.parse(new TextDecoder().decode(payload));
  return { name, payload: json, to: to.kind === "user" ? { user: to.user } : to.kind };
}
