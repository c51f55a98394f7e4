import { createServer } from "@joinery/server";
import { z } from "zod";

const joinery = createServer({ data: "./data" });
joinery.signal("reaction", {
  schema: z.object({ emoji: z.emoji() }),
  handle: ({ emoji }, { document, send }) => {
    send("counted", { document, emoji }); // To the sender alone.
    return emoji !== "🤐"; // False: it is passed on to nobody.
  },
});
await joinery.listen({ port: 4321 });
