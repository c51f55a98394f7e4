import { JoineryError } from "@joinery/shared";
import type { Environment, Socket, SocketEvents } from "./ports.ts";

/** The page; in Node it has none of this. */
const PAGE = globalThis as {
  addEventListener?(event: string, run: () => void, options: { readonly signal: AbortSignal }): void;
  readonly document?: { readonly visibilityState: string };
};

/**
 * What browsers, Electron and Node (22 or newer) give: WebSocket, DecompressionStream, timers, and where there is a
 * page, what it tells of the network and of itself.
 */
export function standardEnvironment(): Environment {
  return {
    connect,
    clock: {
      now: Date.now,
      monotonicMs: () => performance.now(),
      setTimer: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return { cancel: () => clearTimeout(timer) };
      },
    },
    random: Math.random,
    inflate,
    onWake: (run) => listen(["online", "pageshow"], run, "visible"),
    onOffline: (run) => listen(["offline"], run),
    onHide: (run) => listen(["pagehide"], run),
    onBackground: (run) => listen(["pagehide"], run, "hidden"),
    openOfflineStore: (name) =>
      import("./offline/level-store.ts").then(({ openLevelStore }) => openLevelStore(name)),
  };
}

function connect(url: string, subprotocol: string, events: SocketEvents): Socket {
  const socket = new WebSocket(url, subprotocol);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    if (socket.protocol === subprotocol) events.opened();
    else events.closed(4426, `the server does not speak ${subprotocol}`);
  };
  socket.onmessage = ({ data }: { data: unknown }) => {
    if (data instanceof ArrayBuffer) events.message(new Uint8Array(data));
  };
  socket.onclose = ({ code, reason }) => events.closed(code, reason);
  return {
    send: (message) => socket.send(message as Uint8Array<ArrayBuffer>),
    close: (code, reason) => socket.close(code, reason),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
  };
}

async function inflate(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  let left = maxBytes;
  const bounded = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      left -= chunk.length;
      if (left < 0) throw new JoineryError("MESSAGE_TOO_LARGE", `more than ${maxBytes} bytes`);
      controller.enqueue(chunk);
    },
  });
  const inflated = stream.pipeThrough(new DecompressionStream("deflate-raw")).pipeThrough(bounded);
  return new Uint8Array(await new Response(inflated).arrayBuffer());
}

/** Listens, where there is something to listen to. @param visibility Also when the page has become that. */
function listen(events: readonly string[], run: () => void, visibility?: "visible" | "hidden"): () => void {
  const stop = new AbortController();
  const on = (event: string, listener: () => void) => PAGE.addEventListener?.(event, listener, stop);
  for (const event of events) on(event, run);
  on("visibilitychange", () => {
    if (PAGE.document?.visibilityState === visibility) run();
  });
  return () => stop.abort();
}
