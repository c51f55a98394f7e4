import picocolors from "picocolors";

/**
 * Colours for terminals only. picocolors would take a build server, which sets `CI`, for one; there, as in a pipe, what
 * is printed is read by programs.
 */
const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
const isTerminal = process.stdout.isTTY === true && TERM !== "dumb";

export const pc = picocolors.createColors(!NO_COLOR && (Boolean(FORCE_COLOR) || isTerminal));
