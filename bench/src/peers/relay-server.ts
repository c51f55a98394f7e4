/**
 * The floor: `ws` passing on messages to all of the same path, and nothing else. `relay-server.ts <port> [<window>]`.
 * Without a window each message is passed on to all others. With one, in milliseconds, what comes within it goes to all
 * as one message: as many frames as a server has that batches. It merges nothing, keeps nothing and looks at nothing,
 * so a newcomer gets no document from it.
 */
import { type WebSocket, WebSocketServer } from "ws";

type Send = (message: Buffer, from: WebSocket) => void;
type Room = ReadonlySet<WebSocket>;

const [port, windowMs] = process.argv.slice(2).map(Number);
const server = new WebSocketServer({ host: "127.0.0.1", port: port as number });
const rooms = new Map<string, { readonly sockets: Set<WebSocket>; readonly send: Send }>();

server.on("connection", (socket, request) => {
  const path = request.url ?? "/";
  const room = rooms.get(path) ?? openRoom();
  rooms.set(path, room);
  room.sockets.add(socket);
  // Clients of the benchmark send no text, for which it would be something else.
  socket.on("message", (message) => room.send(message as Buffer, socket));
  socket.once("close", () => room.sockets.delete(socket));
});

function openRoom() {
  const sockets = new Set<WebSocket>();
  return { sockets, send: windowMs === undefined ? oneByOne(sockets) : together(sockets, windowMs) };
}

function oneByOne(room: Room): Send {
  return (message, from) => {
    for (const other of room) if (other !== from) other.send(message);
  };
}

function together(room: Room, windowMs: number): Send {
  let waiting: Buffer[] = [];
  const flush = () => {
    const message = Buffer.concat(waiting);
    waiting = [];
    for (const socket of room) socket.send(message);
  };
  return (message) => {
    if (waiting.push(message) === 1) setTimeout(flush, windowMs);
  };
}
