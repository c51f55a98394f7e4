import { createServer } from "@joinery/server";

const joinery = createServer({
  data: "./data",
  access: {
    jwt: {
      secret: process.env.JOINERY_JWT_SECRET ?? "",
      // A token with `"org": "acme"` is good for `acme/…` and nothing else, whatever its patterns say.
      tenantClaim: "org",
      // What everybody of an organisation may do, unless the token says something else.
      documents: { "**": "write", "board/*": "read" },
    },
  },
  hooks: {
    // Asked after the token was found good; of the two the stricter holds. "manage" has nothing against it.
    authorize({ document }) {
      return document.endsWith("/archive") ? "read" : "manage";
    },
  },
});
await joinery.listen({ port: 4321 });
