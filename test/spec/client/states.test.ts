import { describe, expect, test } from "vitest";
import { type LinkEvent, type LinkState, nextLinkState } from "../../../client/src/link-state.ts";
import { nextSessionState, type SessionEvent, type SessionState } from "../../../client/src/session-state.ts";

/** Where every event leads from every state. */
type Table<State extends string, Event extends string> = Record<State, Record<Event, State>>;

const LINK: Table<LinkState, LinkEvent> = {
  idle: {
    connect: "connecting",
    disconnect: "idle",
    close: "closed",
    opened: "idle",
    greeted: "idle",
    lost: "idle",
    refused: "idle",
    due: "idle",
    wake: "idle",
  },
  connecting: {
    connect: "connecting",
    disconnect: "idle",
    close: "closed",
    opened: "greeting",
    greeted: "connecting",
    lost: "waiting",
    refused: "refused",
    due: "connecting",
    wake: "connecting",
  },
  greeting: {
    connect: "greeting",
    disconnect: "idle",
    close: "closed",
    opened: "greeting",
    greeted: "online",
    lost: "waiting",
    refused: "refused",
    due: "greeting",
    wake: "greeting",
  },
  online: {
    connect: "online",
    disconnect: "idle",
    close: "closed",
    opened: "online",
    greeted: "online",
    lost: "waiting",
    refused: "refused",
    due: "online",
    wake: "online",
  },
  waiting: {
    connect: "connecting",
    disconnect: "idle",
    close: "closed",
    opened: "waiting",
    greeted: "waiting",
    lost: "waiting",
    refused: "waiting",
    due: "connecting",
    wake: "connecting",
  },
  refused: {
    connect: "connecting",
    disconnect: "idle",
    close: "closed",
    opened: "refused",
    greeted: "refused",
    lost: "refused",
    refused: "refused",
    due: "refused",
    wake: "refused",
  },
  closed: {
    connect: "closed",
    disconnect: "closed",
    close: "closed",
    opened: "closed",
    greeted: "closed",
    lost: "closed",
    refused: "closed",
    due: "closed",
    wake: "closed",
  },
};

const SESSION: Table<SessionState, SessionEvent> = {
  loading: {
    loaded: "offline",
    linked: "loading",
    unlinked: "loading",
    opened: "loading",
    caughtUp: "loading",
    dropped: "loading",
    refused: "loading",
    reopen: "loading",
    close: "closed",
  },
  offline: {
    loaded: "offline",
    linked: "opening",
    unlinked: "offline",
    opened: "offline",
    caughtUp: "offline",
    dropped: "offline",
    refused: "offline",
    reopen: "offline",
    close: "closed",
  },
  opening: {
    loaded: "opening",
    linked: "opening",
    unlinked: "offline",
    opened: "catchingUp",
    caughtUp: "opening",
    dropped: "waiting",
    refused: "refused",
    reopen: "offline",
    close: "closed",
  },
  catchingUp: {
    loaded: "catchingUp",
    linked: "catchingUp",
    unlinked: "offline",
    opened: "catchingUp",
    caughtUp: "live",
    dropped: "waiting",
    refused: "refused",
    reopen: "offline",
    close: "closed",
  },
  live: {
    loaded: "live",
    linked: "live",
    unlinked: "offline",
    opened: "live",
    caughtUp: "live",
    dropped: "waiting",
    refused: "refused",
    reopen: "offline",
    close: "closed",
  },
  waiting: {
    loaded: "waiting",
    linked: "waiting",
    unlinked: "offline",
    opened: "waiting",
    caughtUp: "waiting",
    dropped: "waiting",
    refused: "waiting",
    reopen: "offline",
    close: "closed",
  },
  refused: {
    loaded: "refused",
    linked: "refused",
    unlinked: "refused",
    opened: "refused",
    caughtUp: "refused",
    dropped: "refused",
    refused: "refused",
    reopen: "offline",
    close: "closed",
  },
  closed: {
    loaded: "closed",
    linked: "closed",
    unlinked: "closed",
    opened: "closed",
    caughtUp: "closed",
    dropped: "closed",
    refused: "closed",
    reopen: "closed",
    close: "closed",
  },
};

function rows<State extends string, Event extends string>(table: Table<State, Event>) {
  return Object.entries<Record<Event, State>>(table).flatMap(([state, events]) =>
    Object.entries<State>(events).map(([event, next]) => ({
      state: state as State,
      event: event as Event,
      next,
    })),
  );
}

describe("the connection", () => {
  test.each(rows(LINK))("$state goes by $event to $next", ({ state, event, next }) => {
    expect(nextLinkState(state, event)).toBe(next);
  });
});

describe("a document's session", () => {
  test.each(rows(SESSION))("$state goes by $event to $next", ({ state, event, next }) => {
    expect(nextSessionState(state, event)).toBe(next);
  });
});
