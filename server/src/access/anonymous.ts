/** What somebody may do where nobody looks at tokens: all are nobody in particular, and the policy says what that is. */

import { JoineryError } from "@joinery/shared";
import type { Admissions } from "../protocols/admission.ts";
import type { DocumentPatterns } from "./patterns.ts";

/** Its admissions throw PERMISSION_DENIED (never retry) for a document that nobody in particular may read. */
export function anonymousAdmissions(policy: DocumentPatterns): Admissions {
  return {
    admit: ({ document }) => {
      const rights = policy.rightsFor(document);
      if (rights.isNone) throw new JoineryError("PERMISSION_DENIED", "you may not open this document");
      return { author: "", rights };
    },
    needsToken: false,
    isAuthenticating: false,
    ignoresRequests: true,
  };
}
