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

/** Behind this comes the name of a document, which may have what other segments may not. */
const BEFORE_NAME = `${API_PATH}/documents/`;

/**
 * Whether every segment of a path means one thing: none is empty, `.` or `..`, however it is encoded, none has control
 * characters or a backslash, and the encoding is of UTF-8. An encoded slash is a part of its segment; so is an encoded
 * backslash where a document is named.
 */
export function isPlainPath(path: string): boolean {
  if (!path.startsWith("/") || path.includes("\\")) return false;
  const nameAt = path.startsWith(BEFORE_NAME) ? BEFORE_NAME.split("/").length - 1 : -1;
  return path.split("/").every((segment, i) => i === 0 || isPlainSegment(segment, i === nameAt));
}

function isPlainSegment(segment: string, isName: boolean): boolean {
  const decoded = decodedOrNull(segment);
  if (decoded === null || decoded === "" || decoded === "." || decoded === "..") return false;
  return !/\p{Cc}/u.test(decoded) && (isName || !decoded.includes("\\"));
}

function decodedOrNull(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
