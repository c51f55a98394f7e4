/**
 * How a document's name becomes an address and back. A name is any text: slashes, spaces, `?`, `#`, `%`. The
 * page's address is `/d/<name>`, percent-encoded once.
 */

const PREFIX = "/d/";

export const WELCOME_DOCUMENT = "welcome";

/** The name in a page's path, or `undefined` when the path names none. */
export function documentNameIn(pathname: string): string | undefined {
  if (!pathname.startsWith(PREFIX)) return undefined;
  const encoded = pathname.slice(PREFIX.length);
  if (encoded === "") return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    // Somebody typed a stray "%" into the address bar: then that is the name.
    return encoded;
  }
}

/** The page's path for a document; slashes stay readable where that is safe. */
export function pagePath(name: string): string {
  const encoded = encodeWhole(name);
  // Browsers resolve the segments "." and ".." away, and fold nothing else.
  const isPlain = name.split("/").every((segment) => segment !== "." && segment !== "..");
  return PREFIX + (isPlain ? encoded.replaceAll("%2F", "/") : encoded);
}

/** The WebSocket server that the page was served by. */
export function serverAddress(page: Pick<Location, "protocol" | "host">): string {
  return `${page.protocol === "https:" ? "wss:" : "ws:"}//${page.host}`;
}

function encodeWhole(name: string): string {
  // encodeURIComponent throws on half a surrogate pair.
  return encodeURIComponent(name.toWellFormed());
}
