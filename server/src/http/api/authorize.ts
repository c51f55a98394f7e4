/** Whether who makes a request may: the door is asked, and rejects. */

import type { DocumentName } from "@joinery/shared";
import type { AccessDoor, DoorRequest } from "../../access/access-api.ts";
import type { Principal } from "../../protocols/admission.ts";
import type { Input, Route } from "./route.ts";

export interface Asking {
  readonly access: AccessDoor;
  readonly request: DoorRequest;
  readonly route: Route;
  readonly segment: (name: string) => string;
}

/**
 * Of a subject that is not there nobody learns but who may do it to any.
 *
 * @returns `null` where nobody is asked. Rejects as the door does.
 */
export async function authorize(asking: Asking, document: DocumentName | null): Promise<Principal | null> {
  const { access, request, route } = asking;
  if (route.action === null || route.on === "token") return null;
  return await access.authorize(request, subjectOf(asking, document), route.action);
}

/** What a request needs beyond that. Rejects as the door does. */
export async function authorizeAlso(
  asking: Asking,
  document: DocumentName | null,
  input: Input,
): Promise<void> {
  const { access, request, route } = asking;
  for (const { action, isNeeded } of route.also) {
    const needed = isNeeded(input);
    if (needed === false) continue;
    await access.authorize(request, needed === true ? subjectOf(asking, document) : needed, action);
  }
}

function subjectOf({ access, route, segment }: Asking, document: DocumentName | null): DocumentName | null {
  if (route.on !== "ban") return document;
  const ban = access.bans().find(({ id }) => id === segment("id"));
  // It was read as a name when it was banned from.
  return (ban?.document ?? null) as DocumentName | null;
}
