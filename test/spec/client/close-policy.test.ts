import { explainClose } from "@joinery/client";
import { ERROR_DETAILS, ERRORS, type ErrorRow } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { failureOfClose } from "../../../client/src/failure.ts";

describe("close policy", () => {
  test("the 4400 band is permanent, a missing sign-in can be mended, all else is worth another try", () => {
    expect(explainClose(4400, "").retry).toBe("never");
    expect(explainClose(4401, "").retry).toBe("after-auth");
    expect(explainClose(4499, "").retry).toBe("never");
    for (const code of [1000, 1001, 1006, 1011, 1012, 1013, 4399, 4500, 4503]) {
      expect(explainClose(code, "").retry, `close code ${code}`).toBe("backoff");
    }
  });

  test("the server's reason is told as a sentence", () => {
    expect(explainClose(4400, "document name is empty").message).toBe(
      "The server refused this connection. Document name is empty.",
    );
    expect(explainClose(4503, "disk full!").message).toBe(
      "The server closed the connection for now. Disk full!",
    );
    expect(explainClose(4401, "token expired.").message).toBe(
      "The server asks you to sign in again. Token expired.",
    );
    // A capital that takes two UTF-16 units is not torn apart.
    expect(explainClose(4400, "𐐨 is no name").message).toContain("𐐀 is no name.");
  });

  test("without a reason the table's meaning is told when only one error has the code", () => {
    expect(explainClose(ERRORS.PERMISSION_DENIED.closeCode, "").message).toContain(
      ERROR_DETAILS.PERMISSION_DENIED.meaning,
    );
    expect(explainClose(ERRORS.SERVER_DRAINING.closeCode, " ").message).toContain(
      ERROR_DETAILS.SERVER_DRAINING.meaning,
    );
  });

  test("without a reason an ambiguous code is not guessed at", () => {
    expect(ERRORS.MALFORMED_FRAME.closeCode).toBe(ERRORS.MALFORMED_UPDATE.closeCode);
    expect(explainClose(ERRORS.MALFORMED_FRAME.closeCode, "").message).toBe(
      "The server refused this connection. It gave no reason.",
    );
  });

  test("a connection that broke blames nobody", () => {
    for (const code of [ERRORS.CONNECTION_LOST.closeCode, 1000, 1001, 4000]) {
      expect(explainClose(code, "").message).toBe("The connection to the server was lost.");
    }
  });

  test("every error of the table that is given up on in the permanent band stops the client", () => {
    for (const [code, row] of Object.entries<ErrorRow>(ERRORS)) {
      if (row.closeCode < 4400) continue;
      expect(explainClose(row.closeCode, "").retry, code).toBe(row.retry);
    }
  });
});

test.each([
  [1011, "INTERNAL"],
  [4401, "UNAUTHENTICATED"],
  [4403, "PERMISSION_DENIED"],
  [1006, "CONNECTION_LOST"],
  [4999, "CONNECTION_LOST"],
])("close code %i alone is taken for %s", (closeCode, code) => {
  expect(failureOfClose(closeCode, "").code).toBe(code);
});
