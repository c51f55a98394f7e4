import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERRORS, LIMITS } from "@joinery/shared";
import {
  CAPABILITIES,
  CONNECTION_FRAMES,
  DOCUMENT_FRAMES,
  FIRST_OPTIONAL_FRAME,
  MAX_AGENT_BYTES,
  MAX_CLIENT_FRAMES,
  MAX_PING_BYTES,
  MAX_TOKEN_BYTES,
  PROTOCOL_VERSION,
  SUBPROTOCOL,
} from "@joinery/shared/protocol";
import { describe, expect, test } from "vitest";
import { type LinkEvent, type LinkState, nextLinkState } from "../../../client/src/link-state.ts";
import { nextSessionState, type SessionEvent, type SessionState } from "../../../client/src/session-state.ts";
import { clientFrameKinds, serverFrameKinds } from "../shared/protocol-arbitraries.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const page = readFileSync(`${ROOT}/docs/protocol.md`, "utf8");
const spec = readFileSync(`${ROOT}/SPEC.md`, "utf8");
const vectors = JSON.parse(readFileSync(`${ROOT}/docs/protocol-vectors.json`, "utf8"));

const TYPES: Readonly<Record<string, number>> = { ...CONNECTION_FRAMES, ...DOCUMENT_FRAMES };

function spoken(kind: string): string {
  return kind.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

interface FrameSection {
  readonly title: string;
  readonly from: readonly ("client" | "server")[];
  readonly name: string;
  readonly type: number;
  readonly text: string;
}

const sections: readonly FrameSection[] = page
  .split(/^(?=### [A-Z_]+ \(0x)/m)
  .slice(1)
  .map((part) => {
    const text = part.split(/\n#/)[0] as string;
    const title = /^### ([A-Z_]+) \((0x[0-9a-f]{2})\), (both ways|client → server|server → client)$/m.exec(
      text,
    );
    expect(title, text.split("\n")[0]).not.toBeNull();
    const [, name = "", type = "", way = ""] = title ?? [];
    const from =
      way === "both ways"
        ? (["client", "server"] as const)
        : [way.startsWith("client") ? "client" : "server"];
    return { title: title?.[0] ?? "", from: from as FrameSection["from"], name, type: Number(type), text };
  });

describe("docs/protocol.md", () => {
  test("has each frame of each side, with its type, and no others", () => {
    const ofPage = sections.flatMap(({ from, name, type }) => from.map((side) => `${side} ${name} ${type}`));
    const ofCode = [
      ...clientFrameKinds.map((kind) => `client ${spoken(kind)} ${TYPES[kind]}`),
      ...serverFrameKinds.map((kind) => `server ${spoken(kind)} ${TYPES[kind]}`),
    ];
    expect(ofPage.toSorted()).toEqual(ofCode.toSorted());
    const kinds = new Set<string>([...clientFrameKinds, ...serverFrameKinds]);
    expect(new Set(Object.keys(TYPES))).toEqual(kinds);
  });

  test.each(sections)("names the fields that the frame has: $title", ({ from, name, text }) => {
    const fields = new Set<string>();
    for (const side of from) {
      for (const { frame } of vectors[side]) {
        if (spoken(frame.type) === name) for (const field of Object.keys(frame)) fields.add(field);
      }
    }
    fields.delete("type");
    for (const field of fields) expect(text).toContain(`\`${field}\``);
    for (const [, field = ""] of text.matchAll(/^\| `(\w+)` \|/gm)) expect([...fields]).toContain(field);
  });

  test("says the numbers that the code has", () => {
    expect(page).toContain(`\`${SUBPROTOCOL}\``);
    expect(page).toMatch(new RegExp(`\`version\` \\| varUint \\| ${PROTOCOL_VERSION}\\b`));
    expect(page).toContain(`${CAPABILITIES.deflate} \`deflate\``);
    expect(page).toContain(`below 0x${FIRST_OPTIONAL_FRAME.toString(16)}`);
    expect(page).toContain(`at most ${MAX_CLIENT_FRAMES.toLocaleString("en")} (C5)`);
    expect(page).toContain(`at most ${MAX_AGENT_BYTES} bytes`);
    expect(page).toContain(`at most ${MAX_TOKEN_BYTES.toLocaleString("en")} bytes`);
    expect(page).toContain(`at most ${MAX_PING_BYTES} bytes`);
  });

  test("refers only to rules that there are", () => {
    const rules = new Set([...spec.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map(([, id]) => id));
    const named = [...page.matchAll(/(?<!\w)([A-Z]\d{1,2})(?!\w)/g)].map(([, id]) => id as string);
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((id) => !rules.has(id))).toEqual([]);
  });

  test("names only limits that there are", () => {
    const ofHello = ["maxMessageBytes", "maxDocuments"];
    const named = [...page.matchAll(/`(max[A-Z]\w+|\w+TimeoutMs)`/g)].map(([, name]) => name as string);
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !(name in LIMITS) && !ofHello.includes(name))).toEqual([]);
  });

  test("gives errors the retry class and the close code that they have", () => {
    const rows: Readonly<Record<string, { retry: string; closeCode: number }>> = ERRORS;
    const listed = [...page.matchAll(/^\| (\d{4}) \| (.+?) \| ([\w-]+) \|/gm)];
    expect(listed.length).toBeGreaterThan(15);
    for (const [, closeCode, codes = "", retry] of listed) {
      for (const [, code = ""] of codes.matchAll(/`(\w+)`/g)) {
        expect(rows[code], code).toMatchObject({ retry, closeCode: Number(closeCode) });
      }
    }
  });

  test("shows the worked example as the vectors have it", () => {
    const example = /^## A worked example\n(.*?)^## /ms.exec(page)?.[1] ?? "";
    const blocks = [...example.matchAll(/^```\n(.*?)^```$/gms)].map(([, block = ""]) => {
      const lines = block.trimEnd().split("\n");
      const hex = lines.map((line) => line.split(/\s+/).slice(2).join("")).join("");
      const names = lines.map((line) => line.split(/\s+/)[1]);
      return { from: lines[0]?.startsWith("→") ? "client" : "server", hex, names };
    });
    const session = vectors.session.map(
      ({ from, hex, frames }: { from: string; hex: string; frames: [] }) => ({
        from,
        hex,
        names: frames.map(({ type }) => spoken(type)),
      }),
    );
    expect(blocks).toEqual(session);
    for (const { what } of vectors.session) expect(example.replaceAll(/\s+/g, " ")).toContain(what);
  });
});

describe("a state machine in docs/protocol.md", () => {
  const chapter = /^## State machines\n(.*?)^## /ms.exec(page)?.[1] ?? "";
  const machines = chapter
    .split(/^### /m)
    .slice(1)
    .map((part) => {
      const rows = part.split("\n").filter((line) => line.startsWith("|"));
      const [head = [], , ...events] = rows.map((line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
      return { title: part.split("\n")[0] as string, states: head.slice(1), events };
    });

  test.each(machines)("says for each event and state what happens: $title", ({ states, events }) => {
    expect(states.length).toBeGreaterThan(2);
    const outcomes = new Set([...states, "=", "!", "-"]);
    for (const [event = "", ...cells] of events) {
      expect(event).not.toBe("");
      expect(cells, event).toHaveLength(states.length);
      for (const cell of cells) expect([...outcomes], event).toContain(cell.split(",")[0]);
    }
    const names = events.map(([event]) => event);
    expect(new Set(names).size).toBe(names.length);
    // Each state but the first can be come to.
    const reached = new Set(events.flatMap(([, ...cells]) => cells.map((cell) => cell.split(",")[0])));
    expect(states.slice(1).filter((state) => !reached.has(state))).toEqual([]);
  });

  test("is the one of the code: the connection, at the client", () => {
    const machine = machines.find(({ title }) => title === "The connection, at the client");
    expect(machine?.states).toHaveLength(7);
    for (const [event, ...cells] of machine?.events ?? []) {
      for (const [i, cell] of cells.entries()) {
        const state = machine?.states[i] as LinkState;
        const next = nextLinkState(state, event as LinkEvent);
        expect(next === state ? "=" : next, `${event} in ${state}`).toBe(cell);
      }
    }
  });

  test("is the one of the code: a document's session, at the client", () => {
    const machine = machines.find(({ title }) => title === "A document's session, at the client");
    const named: Readonly<Record<string, SessionEvent>> = {
      "the connection is up": "linked",
      "the connection is down": "unlinked",
      OPENED: "opened",
      CAUGHT_UP: "caughtUp",
      "CLOSE, backoff": "dropped",
      "CLOSE, never": "refused",
      "the application closes it": "close",
    };
    const rows = machine?.events.filter(([event = ""]) => named[event]) ?? [];
    expect(rows).toHaveLength(Object.keys(named).length);
    for (const [event = "", ...cells] of rows) {
      for (const [i, cell = ""] of cells.entries()) {
        const [outcome = ""] = cell.split(",");
        if (outcome === "!" || outcome === "-") continue;
        const state = machine?.states[i] as SessionState;
        const next = nextSessionState(state, named[event] as SessionEvent);
        expect(next, `${event} in ${state}`).toBe(outcome === "=" ? state : outcome);
      }
    }
  });
});
