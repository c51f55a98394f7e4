import { existsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import sirv from "sirv";

/** Answers one HTTP request. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** What a page may load: its own files. CodeMirror writes its styles into the page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const PLAIN = `Joinery is running.

WebSocket clients of y-websocket connect to this address; the document's name is the path.
There is no page to show: the server was started without one.
`;

/** Whether a folder has a page to serve. */
export function hasPage(folder: string): boolean {
  return existsSync(join(folder, "index.html"));
}

/**
 * Serves a folder of static files: `index.html` for `/` and for everything below `/d/`, where the page itself
 * reads the document's name from the address.
 *
 * @param folder Folder with an `index.html`; `null` gives a plain text that says what the server is.
 */
export function pageHandler(folder: string | null): RequestHandler {
  if (folder === null) {
    return (_request, response) => respondText(response, 200, PLAIN);
  }
  const serve = sirv(folder, {
    etag: true,
    setHeaders(response, path) {
      response.setHeader("X-Content-Type-Options", "nosniff");
      response.setHeader("Referrer-Policy", "no-referrer");
      response.setHeader("Content-Security-Policy", CONTENT_SECURITY_POLICY);
      // Names of assets carry a hash of their content.
      const isAsset = path.startsWith("/assets/");
      response.setHeader("Cache-Control", isAsset ? "public, max-age=31536000, immutable" : "no-cache");
    },
  });
  return (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      respondText(response, 405, "Only GET and HEAD are answered here.\n");
      return;
    }
    if (request.url === "/d" || request.url?.startsWith("/d/")) request.url = "/";
    serve(request, response, () => respondText(response, 404, "There is nothing at this address.\n"));
  };
}

/** Answers with a line for people. */
export function respondText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(text);
}
