import { createServer } from "@joinery/server";

/** As your tenant's settings say: `https://example.eu.auth0.com/`, with the slash. */
const issuer = process.env.ISSUER ?? "";

const joinery = createServer({
  data: "./data",
  access: {
    jwt: {
      // The public keys are fetched when they are needed, kept, and fetched anew when they are rotated.
      jwks: `${issuer}.well-known/jwks.json`,
      issuer,
      audience: "https://joinery.example.com",
      // An identity provider that wants claims of yours to have a name of yours: set by an Action after login.
      documentsClaim: "https://joinery.example.com/documents",
      // For tokens without that claim.
      documents: { welcome: "read" },
    },
    // For those who are not logged in.
    anonymous: { "public/**": "read" },
  },
});
await joinery.listen({ port: 4321 });
