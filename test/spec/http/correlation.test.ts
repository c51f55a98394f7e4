import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { correlationOf } from "../../../server/src/http/correlation.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const of = (id: unknown, trusted: number) =>
  correlationOf({ headers: { "x-request-id": id } } as unknown as IncomingMessage, trusted);

test.each(["a", "4bf92f3577b34da6a3ce929d0e0e4736", "req_1.2-B", "x".repeat(64)])(
  "a request has the name that a proxy gave it, where one is trusted: %s",
  (id) => {
    expect(of(id, 1)).toBe(id);
    expect(of(id, 0)).toMatch(UUID);
  },
);

test.each([undefined, "", "x".repeat(65), "a b", "a\nb", 'a"b', "é", "a,b", "../a", "<a>"])(
  "it has one of its own otherwise, each another: %j",
  (id) => {
    expect(of(id, 1)).toMatch(UUID);
    expect(of(id, 1)).not.toBe(of(id, 1));
  },
);
