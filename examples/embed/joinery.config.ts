import { defineConfig } from "@joinery/server";

export default defineConfig({
  port: 8080,
  data: "/var/lib/joinery",
  // Send at most every 50 ms, instead of as often as a share of a core allows.
  flush: { kind: "fixed", windowMs: 50 },
  limits: { maxMessageBytes: 4 * 1024 * 1024 },
});
