import { createServer } from "node:http";
import { createServer as createJoinery } from "@joinery/server";
import express from "express";
import { SignJWT } from "jose";

/** Only your back end and Joinery know it: `joinery token --new-secret` makes one. */
const secret = process.env.JOINERY_JWT_SECRET ?? "";

/** Your accounts and who may do what: a database, in earnest. */
const accounts = new Map([
  ["ann's session", { id: "ann", documents: { "notes/**": "write", handbook: "read" } }],
  ["ben's session", { id: "ben", documents: { "notes/ben/*": "write", "notes/**": "read" } }],
]);

const app = express();

// Whoever is logged in gets a token for a few minutes; the page asks again when that is over.
app.post("/api/joinery-token", async (request, response) => {
  const account = accounts.get(request.get("X-Session") ?? "");
  if (!account) {
    response.status(401).json({ error: "log in first" });
    return;
  }
  const token = await new SignJWT({ documents: account.documents })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(account.id)
    .setAudience("joinery")
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(secret));
  response.type("text").send(token);
});

const http = createServer(app);
const joinery = createJoinery({ data: "./data", access: { jwt: { secret, audience: "joinery" } } });
joinery.attach(http, { path: "/collaboration" });
await joinery.ready();
http.listen(4321, "127.0.0.1");

// Somebody is dismissed: within a second he is out of all documents, and his tokens are worth nothing.
app.post("/api/dismiss/:user", async (request, response) => {
  if (request.get("X-Session") !== "ann's session") {
    response.sendStatus(403);
    return;
  }
  const sessions = await joinery.revoke({ user: request.params.user }, "your account was closed");
  response.json({ sessions });
});
