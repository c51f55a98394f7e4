/** What is counted of the events that the log is written of. Nobody is told twice of what happened for that. */

import { ERRORS } from "@joinery/shared";
import type { AccessEvent } from "../access/events.ts";
import { Distribution, LATENCY_BOUNDS } from "../engine/meter.ts";
import type { EngineEvent } from "../engine/ports.ts";
import type { PluginEvent } from "../extensions/plugin.ts";
import type { ConnectionEvent } from "../transports/connection-events.ts";
import { LabelCounts } from "./label-counts.ts";

type Known = AccessEvent | ConnectionEvent | EngineEvent | PluginEvent;

/** Those of RFC 6455 that a client, or the lack of one, may end a connection with. */
const CLIENT_CLOSE_CODES = [1000, 1001, 1002, 1005, 1006];
const CLOSE_CODES: ReadonlySet<number> = new Set([
  ...CLIENT_CLOSE_CODES,
  ...Object.values(ERRORS).map(({ closeCode }) => closeCode),
]);
/** Folding a document takes from milliseconds to as long as a replica may. */
const COMPACTION_BOUNDS = [...LATENCY_BOUNDS, 30, 60];

export class EventCounts {
  readonly events = new LabelCounts();
  readonly connectionsRefused = new LabelCounts();
  readonly connectionsClosed = new LabelCounts();
  readonly inputsRefused = new LabelCounts();
  readonly actionsDenied = new LabelCounts();
  readonly dropped = new LabelCounts();
  readonly heldAside = new LabelCounts();
  readonly storageFailures = new LabelCounts();
  readonly admissionsRefused = new LabelCounts();
  readonly accessEnded = new LabelCounts();
  readonly hookFailures = new LabelCounts();
  readonly loadSeconds = new Distribution(LATENCY_BOUNDS);
  readonly compactionSeconds = new Distribution(COMPACTION_BOUNDS);
  compactionBytes = 0;
  readonly #counted: { readonly [type in Known["type"]]?: (event: Extract<Known, { type: type }>) => void } =
    {
      "connection-refused": ({ error }) => this.connectionsRefused.add([error.code]),
      disconnected: ({ closeCode }) => this.connectionsClosed.add([closeCodeOf(closeCode)]),
      "input-refused": ({ error }) => this.inputsRefused.add([error.code]),
      "action-denied": ({ action }) => this.actionsDenied.add([action]),
      "held-aside": ({ reason }) => this.heldAside.add([reason]),
      "held-dropped": ({ reason }) => this.dropped.add([reason === "gap" ? "held_gap" : "held_owned"]),
      "commit-failed": () => this.storageFailures.add(["append"]),
      "load-failed": () => this.storageFailures.add(["load"]),
      "compaction-failed": () => this.storageFailures.add(["compact"]),
      "room-loaded": ({ ms }) => this.loadSeconds.add(ms / 1000),
      compacted: ({ ms, bytes }) => {
        this.compactionSeconds.add(ms / 1000);
        this.compactionBytes += bytes;
      },
      "access-refused": ({ error }) => this.admissionsRefused.add([error.code]),
      "access-ended": ({ cause }) => this.accessEnded.add([cause]),
      "hook-failed": ({ hook }) => this.hookFailures.add([hookOf(hook), "failed"]),
      "hook-timed-out": ({ hook }) => this.hookFailures.add([hookOf(hook), "timed_out"]),
    };

  /** @param event Any: of those that nothing special is counted of, their number is. */
  count(event: { readonly type: string }): void {
    this.events.add([event.type]);
    // A table of types says what it is.
    const counted = this.#counted as { readonly [type: string]: ((event: Known) => void) | undefined };
    counted[event.type]?.(event as Known);
  }

  /** How many events of this type there were. */
  countOf(type: Known["type"]): number {
    return this.events.countOf([type]);
  }
}

/** Clients choose theirs as they like. */
function closeCodeOf(code: number): string {
  return CLOSE_CODES.has(code) ? String(code) : "other";
}

/** `Logger.onChange` is the hook `onChange` of an extension that is called Logger. */
function hookOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
