import { createServer as createHttpServer } from "node:http";
import { createServer } from "@joinery/server";

const http = createHttpServer((_request, response) => response.end("your application"));

const joinery = createServer({ data: "./data" });
joinery.attach(http, { path: "/collaboration" });
await joinery.ready();
http.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");

process.once("SIGTERM", async () => {
  const { unsaved } = await joinery.close();
  http.close();
  process.exitCode = unsaved.length === 0 ? 0 : 1;
});
