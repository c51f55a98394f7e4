import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { Stage } from "./stage.ts";

interface Payload {
  readonly response: ServerResponse;
  readonly socket: PassThrough;
}

describe("a request", () => {
  async function answerTo(onRequest: (payload: Payload) => unknown) {
    const stage = await Stage.with([{ extensionName: "Pages", onRequest }]);
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const isAnswered = await stage.plugin.request?.(response.req, response);
    return {
      isAnswered,
      status: response.headersSent ? response.statusCode : null,
      reported: stage.reported,
    };
  }

  test("that no hook answers is the server's", async () => {
    expect(await answerTo(() => undefined)).toEqual({ isAnswered: false, status: null, reported: [] });
  });

  test("that a hook has answered is answered", async () => {
    const answer = ({ response }: Payload) => void response.writeHead(204).end();
    expect(await answerTo(answer)).toEqual({ isAnswered: true, status: 204, reported: [] });
  });

  test("that a hook rejects with nothing is in its hands, to be answered later", async () => {
    expect(await answerTo(() => Promise.reject())).toEqual({ isAnswered: true, status: null, reported: [] });
  });

  test("at which a hook fails is answered with 500", async () => {
    expect(await answerTo(() => Promise.reject(new Error("a bug")))).toEqual({
      isAnswered: true,
      status: 500,
      reported: ["Pages.onRequest hook-failed: a bug"],
    });
  });
});

describe("a WebSocket that is about to be accepted", () => {
  async function outcomeOf(onUpgrade: () => unknown) {
    const stage = await Stage.with([{ onUpgrade }]);
    const socket = new PassThrough();
    const isAccepted = await stage.plugin.upgrade?.(
      new IncomingMessage(new Socket()),
      socket,
      Buffer.alloc(0),
    );
    return { isAccepted, said: String(socket.read() ?? "").split("\r\n")[0], isOpen: socket.writable };
  }

  test("is accepted where no hook has anything against it", async () => {
    expect(await outcomeOf(() => undefined)).toEqual({ isAccepted: true, said: "", isOpen: true });
  });

  test("is left to a hook that rejects with nothing", async () => {
    expect(await outcomeOf(() => Promise.reject())).toEqual({ isAccepted: false, said: "", isOpen: true });
  });

  test("is refused where a hook fails", async () => {
    const said = "HTTP/1.1 403 Forbidden";
    expect(await outcomeOf(() => Promise.reject(new Error("no")))).toEqual({
      isAccepted: false,
      said,
      isOpen: false,
    });
  });
});
