/** Who lets clients in, as a test says: which tokens are good, and for what. */

import { JoineryError } from "@joinery/shared";
import { Rights, type RightsSpec } from "../../server/src/engine/rights.ts";
import type { Session } from "../../server/src/engine/session.ts";
import type { Admission, AdmissionRequest, Admissions } from "../../server/src/protocols/admission.ts";

interface Visit {
  readonly request: AdmissionRequest;
  readonly session: Session;
  readonly token: string;
}

export class Door implements Admissions {
  readonly needsToken = false;
  readonly isAuthenticating = true;
  /** What each good token allows. */
  readonly good = new Map<string, RightsSpec>();
  /** All tokens that were looked at, in order. */
  readonly shown: string[] = [];
  readonly #visits = new Set<Visit>();

  admit(request: AdmissionRequest): Admission {
    let token = request.token ?? "";
    const rights = this.#look(token);
    return {
      author: "",
      rights,
      renew: async (next) => {
        const renewed = this.#look(next);
        token = next;
        return { rights: renewed };
      },
      enter: (open) => {
        const session = open({ left: () => this.#visits.delete(visit) });
        const visit: Visit = {
          request,
          session,
          get token() {
            return token;
          },
        };
        this.#visits.add(visit);
        return session;
      },
    };
  }

  /** Tells everybody that their token is about to expire. */
  remind(): void {
    for (const { request } of [...this.#visits]) request.requestToken();
  }

  /** A token is good no more: whoever came with it goes. */
  expire(token: string): void {
    this.good.delete(token);
    for (const visit of [...this.#visits]) {
      if (visit.token === token) visit.session.close(expired());
    }
  }

  /** What a token allows changes for whoever came with it. */
  change(token: string, spec: RightsSpec, reason: string): void {
    this.good.set(token, spec);
    for (const visit of [...this.#visits]) {
      if (visit.token === token) visit.session.setRights(Rights.from(spec), reason);
    }
  }

  #look(token: string): Rights {
    this.shown.push(token);
    const spec = this.good.get(token);
    if (spec === undefined) throw expired();
    return Rights.from(spec);
  }
}

function expired(): JoineryError {
  return new JoineryError("UNAUTHENTICATED", "the token has expired");
}
