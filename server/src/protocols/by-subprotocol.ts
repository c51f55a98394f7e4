import { SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from "@joinery/shared/protocol";
import { byFirstMessage } from "./by-first-message.ts";
import type { DriverFactory } from "./driver.ts";
import { hocuspocusDriver } from "./hocuspocus/driver.ts";
import { type JoineryDriverOptions, joineryDriver } from "./joinery/driver.ts";
import { refuseVersion } from "./joinery/versions.ts";
import { yWebsocketDriver } from "./y-websocket.ts";

/** Begins the names of all versions of the native dialect. */
const JOINERY_PREFIX = "joinery.";

/**
 * Which of the subprotocols that a client offers is agreed on. Another version of the native dialect is, too: its
 * clients are then told why they are turned away. A token is none: who offers nothing beside it has none agreed on.
 *
 * @returns `null` for none.
 */
export function chooseSubprotocol(offered: Iterable<string>): string | null {
  const names = [...offered].filter((name) => !name.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
  if (names.includes(SUBPROTOCOL)) return SUBPROTOCOL;
  return names.find((name) => name.startsWith(JOINERY_PREFIX)) ?? names[0] ?? null;
}

/**
 * Serves each connection in the dialect that its subprotocol asks for. The providers of y-websocket and Hocuspocus have
 * none: their first message tells them apart.
 *
 * @param onStart Told of each connection which dialect it speaks, once that is known.
 */
export function bySubprotocol(
  options: JoineryDriverOptions,
  onStart: (dialect: string) => void = () => undefined,
): DriverFactory {
  const told = (dialect: string, start: DriverFactory): DriverFactory => {
    return (context) => {
      onStart(dialect);
      return start(context);
    };
  };
  const startJoinery = told("joinery.v1", joineryDriver(options));
  const startOther = byFirstMessage({
    yWebsocket: told("y-websocket", yWebsocketDriver(options)),
    hocuspocus: told("hocuspocus", hocuspocusDriver(options)),
  });
  return (context) => {
    const { subprotocol = "" } = context;
    if (subprotocol === SUBPROTOCOL) return startJoinery(context);
    return subprotocol.startsWith(JOINERY_PREFIX) ? refuseVersion(context) : startOther(context);
  };
}
