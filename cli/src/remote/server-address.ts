/** Where a server is, as people say it, and the URLs of its API. */

import { JoineryError } from "@joinery/shared";

const API_PATH = "/api/v1";

/** What a query says; what is `undefined` is not said. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** A server's address: `http://127.0.0.1:4321`, or `https://example.org/joinery` behind a proxy that adds a path. */
export class ServerAddress {
  /** Without a slash at its end. */
  readonly url: string;
  readonly origin: string;

  private constructor(url: string, origin: string) {
    this.url = url;
    this.origin = origin;
  }

  /**
   * @param where Name of the flag or variable, for the message.
   * @throws JoineryError INVALID_OPTION (never retry) unless it is the URL of a server; never with a password in it.
   */
  static parse(text: string, where: string): ServerAddress {
    const url = URL.parse(text.trim());
    if (url === null)
      throw invalid(where, `${JSON.stringify(text)}, it must be a URL as http://127.0.0.1:4321`);
    // What is in it may be a secret.
    if (url.username !== "" || url.password !== "") {
      throw invalid(where, "a URL with a user or password in it, which Joinery has not: it has tokens");
    }
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw invalid(where, `${JSON.stringify(text)}, it must begin with http:// or https://`);
    }
    if (url.search !== "" || url.hash !== "") {
      throw invalid(where, `${JSON.stringify(text)}, it must end with its path`);
    }
    return new ServerAddress(url.origin + url.pathname.replace(/\/+$/, ""), url.origin);
  }

  /** @param path Below the API's own, segment by segment, as they are: a name with slashes is one segment. */
  api(path: readonly string[], query: Query = {}): string {
    const segments = path.map((segment) => `/${encodeURIComponent(segment)}`);
    const said = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) said.set(name, String(value));
    return this.url + API_PATH + segments.join("") + (said.size > 0 ? `?${said}` : "");
  }
}

function invalid(where: string, why: string): JoineryError {
  return new JoineryError("INVALID_OPTION", `${where} is ${why}`);
}
