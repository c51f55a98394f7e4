/**
 * Which requests are the API's own, and which of those name something. Everybody between the client and a route reads a
 * path a little differently: what could be read as another path is nobody's.
 */

/** Below this everything is the API's. */
export const API_PATH = "/api/v1";

/** The path of a request as it came, without the query. */
export function rawPathOf(url: string): string {
  return /^[^?#]*/.exec(url)?.[0] ?? "";
}

/** Whether a request's target is for the API to answer, be it with 404. */
export function isApiUrl(url: string): boolean {
  const path = rawPathOf(url);
  return path === API_PATH || path.startsWith(`${API_PATH}/`);
}

/**
 * Whether every segment of a path means one thing: none is empty, `.` or `..`, however it is encoded, none has control
 * characters or a backslash, and the encoding is of UTF-8. An encoded slash is a part of its segment.
 */
export function isPlainPath(path: string): boolean {
  return path.startsWith("/") && path.slice(1).split("/").every(isPlainSegment);
}

function isPlainSegment(segment: string): boolean {
  const decoded = decodedOrNull(segment);
  if (decoded === null || decoded === "" || decoded === "." || decoded === "..") return false;
  return !/[\p{Cc}\\]/u.test(decoded);
}

function decodedOrNull(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
