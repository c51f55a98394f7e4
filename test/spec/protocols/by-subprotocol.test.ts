import { expect, test } from "vitest";
import { chooseSubprotocol } from "../../../server/src/protocols/by-subprotocol.ts";

test.each<[string, string[], string | null]>([
  ["the native dialect before all others", ["y-websocket", "joinery.v1"], "joinery.v1"],
  ["another version of it, to be told why it is turned away", ["x", "joinery.v9"], "joinery.v9"],
  ["else the first", ["y-websocket", "x"], "y-websocket"],
  ["nothing of nothing", [], null],
  ["no token, wherever it stands", ["joinery-token.a", "y-websocket", "joinery-token.b"], "y-websocket"],
  ["no token beside the native dialect", ["joinery-token.joinery.v1", "joinery.v1"], "joinery.v1"],
  ["nothing where a token is all there is", ["joinery-token.joinery.v9"], null],
])("of what a client offers is agreed on: %s", (_, offered, expected) => {
  expect(chooseSubprotocol(new Set(offered))).toBe(expected);
});
