import { json } from "./answers.ts";
import { route } from "./route.ts";
import { STATS } from "./server-stats.ts";

/** How the server is. */
export const STATS_ROUTES = [
  route({
    method: "GET",
    path: "/stats",
    group: "Server",
    summary: "Says how the server is",
    description:
      "Totals only grow while `startedAt` stays: a rate is a difference by that of `uptimeSeconds`.",
    action: "manage",
    on: "document",
    answers: json(STATS, { description: "What it counts." }),
    run: ({ services }) => services.stats(),
  }),
];
