import type { Environment, Socket, SocketEvents } from "./ports.ts";

interface Target {
  addEventListener?(event: string, run: () => void): void;
  removeEventListener?(event: string, run: () => void): void;
}

/** The page; in Node it has none of this. */
const PAGE = globalThis as Target & { readonly document?: Target & { readonly visibilityState: string } };

/**
 * What browsers, Electron and Node (22 or newer) give: WebSocket, DecompressionStream, timers, and where there is a
 * page, what it tells of the network and of itself.
 */
export function standardEnvironment(): Environment {
  return {
    connect,
    clock: {
      now: () => Date.now(),
      monotonicMs: () => performance.now(),
      setTimer: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return { cancel: () => clearTimeout(timer) };
      },
    },
    random: () => Math.random(),
    inflate,
    onWake: (run) => {
      const ifVisible = () => {
        if (PAGE.document?.visibilityState === "visible") run();
      };
      const stops = [
        listen(PAGE, "online", run),
        listen(PAGE, "pageshow", run),
        listen(PAGE.document, "visibilitychange", ifVisible),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    onHide: (run) => listen(PAGE, "pagehide", run),
    openOfflineStore: async (name) => {
      const { openLevelStore } = await import("./offline/level-store.ts");
      return openLevelStore(name);
    },
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

async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const inflated = stream.pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(inflated).arrayBuffer());
}

/** Listens, where there is something to listen to. */
function listen(target: Target | undefined, event: string, run: () => void): () => void {
  target?.addEventListener?.(event, run);
  return () => target?.removeEventListener?.(event, run);
}
