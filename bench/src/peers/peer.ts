import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Dialect } from "../dialects/dialect.ts";

/** A server to measure: how it is started and which dialect it is spoken to in. */
export interface Peer {
  /** What `--peer` selects it by. */
  readonly id: string;
  /** What the report calls it, with its version. */
  readonly title: string;
  /**
   * `subject` is what we build; `default` is a published server as its documentation starts it, which the ratios
   * refer to; `tuned` is one with an option that helps it; `floor` does less than any server of documents; `before`
   * is another checkout of ours, which ratios refer to where there is one.
   */
  readonly role: "subject" | "default" | "tuned" | "floor" | "before";
  readonly dialect: Dialect;
  command(at: { readonly port: number; readonly dataFolder: string }): ServerCommand;
}

/** A Node program that listens on 127.0.0.1. */
interface ServerCommand {
  /** Script and arguments. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The id of the same server of another checkout. */
export function beforeId(id: string): string {
  return `${id}-before`;
}

/** The version of the package that a file belongs to. @param url The file's, as `import.meta.resolve` gives it. */
export function packageVersion(url: string): string {
  let folder = fileURLToPath(url);
  for (;;) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
        version?: string;
      };
      if (version !== undefined) return version;
    } catch (error) {
      // The first one may be a file.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
    }
    if (folder === dirname(folder)) throw new Error(`no package.json above ${url}`);
    folder = dirname(folder);
  }
}
