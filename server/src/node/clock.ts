import type { Clock, Random, Timer } from "../engine/ports.ts";

/** The machine's own time. Timers do not keep the process alive: the listening socket does. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, run): Timer {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  endOfTurn(run): Timer {
    const immediate = setImmediate(run);
    return { cancel: () => clearImmediate(immediate) };
  },
};

export const SYSTEM_RANDOM: Random = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};
