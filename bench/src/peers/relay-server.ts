/**
 * The floor: `ws` passing on every message to all others of the same path, and nothing else. `relay-server.ts <port>`.
 * It merges nothing, keeps nothing and looks at nothing, so a newcomer gets no document from it.
 */
import { type WebSocket, WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]) });
const rooms = new Map<string, Set<WebSocket>>();

server.on("connection", (socket, request) => {
  const path = request.url ?? "/";
  const room = rooms.get(path) ?? new Set();
  rooms.set(path, room.add(socket));
  socket.on("message", (message) => {
    for (const other of room) if (other !== socket) other.send(message);
  });
  socket.once("close", () => room.delete(socket));
});
