import { expect, test } from "vitest";
import { type MetricsOptions, resolveMetrics } from "../../../server/src/metrics/metrics-options.ts";

test("a scraper's token is taken, or there is none, or no metrics at all", () => {
  expect(resolveMetrics({ token: "0123456789abcdef" })).toEqual({ token: "0123456789abcdef" });
  expect(resolveMetrics({ token: undefined })).toEqual({ token: null });
  expect(resolveMetrics()).toEqual({ token: null });
  expect(resolveMetrics(false)).toBeNull();
});

test.each(["", "a-short-secret", "a secret with spaces", `secret${"x".repeat(1024)}`, "a-secret-of-lines\n"])(
  "what is no token is refused, and not shown: %j",
  (token) => {
    const refused = () => resolveMetrics({ token });
    expect(refused).toThrow(/^option "metrics.token" must be a text of 16 to 1,024/);
    expect(refused).not.toThrow(/secret/);
  },
);

test("a file's mistakes are named", () => {
  expect(() => resolveMetrics(true as unknown as MetricsOptions)).toThrow('option "metrics" is true');
  expect(() => resolveMetrics({ tokens: "x" } as MetricsOptions)).toThrow('no option "metrics.tokens"');
  expect(() => resolveMetrics({ token: 1 } as unknown as MetricsOptions)).toThrow("metrics.token");
});
