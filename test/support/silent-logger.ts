import type { Logger } from "@joinery/server";

/** Nobody reads what it is told. */
export const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
