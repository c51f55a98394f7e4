/**
 * What a frame costs in Node: does what native/frame-writer.c does, in one of several ways.
 * `frame-writer.ts <way> <port> <sockets> <payload bytes> <rounds> <warm-up rounds>`.
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { framedBytes } from "./frame-size.ts";

const [way, ...numbers] = process.argv.slice(2);
const [port = 0, sockets = 0, bytes = 0, rounds = 0, warmUp = 0] = numbers.map(Number);

/** How a round's frames are written to each connection. */
const writes: (() => void)[] = [];
if (way === "socket") await acceptSockets();
else await acceptWebSockets(way === "ws-corked" ? writeTwo : writeOne);
process.stdout.write("listening\n");

let round = -warmUp;
let micros = 0;
process.stdin.on("data", () => {
  // That of the thread alone would be more to the point, but the kernel brings that up to date only now and then.
  const before = process.cpuUsage();
  for (const write of writes) write();
  // What Node does after each write waits in the same queue, before this.
  process.nextTick(() => {
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) micros += user + system;
    if (++round === rounds) process.stdout.write(`${micros * 1000}\n`, () => process.exit(0));
  });
});

/** The frame is made beforehand, header and all. */
async function acceptSockets(): Promise<void> {
  const frame = Buffer.alloc(framedBytes(bytes));
  const server = createServer({ noDelay: true }, (socket) => accept(() => socket.write(frame)));
  await once(server.listen(port, "127.0.0.1"), "listening");
}

function accept(write: () => void): void {
  if (writes.push(write) === sockets) process.stdout.write("connected\n");
}

async function acceptWebSockets(write: (webSocket: WebSocket, socket: Socket, payload: Buffer) => void) {
  const payload = Buffer.alloc(bytes);
  const server = new WebSocketServer({ host: "127.0.0.1", port });
  server.on("connection", (webSocket, { socket }) => accept(() => write(webSocket, socket, payload)));
  await once(server, "listening");
}

function writeOne(webSocket: WebSocket, _socket: Socket, payload: Buffer): void {
  webSocket.send(payload);
}

/** Both in one system call. */
function writeTwo(webSocket: WebSocket, socket: Socket, payload: Buffer): void {
  socket.cork();
  webSocket.send(payload);
  webSocket.send(payload);
  socket.uncork();
}
