import type { Admission, Admissions } from "../protocols/admission.ts";

/** Counts who is let in; who is not, is an event. */
export function countAdmissions(admissions: Admissions, onAdmitted: () => void): Admissions {
  const counted = (admission: Admission): Admission => {
    onAdmitted();
    return admission;
  };
  return {
    get needsToken() {
      return admissions.needsToken;
    },
    get isAuthenticating() {
      return admissions.isAuthenticating;
    },
    get ignoresRequests() {
      return admissions.ignoresRequests === true;
    },
    admit: (request) => {
      const admitted = admissions.admit(request);
      // Where nobody has to be waited for, nobody is.
      return "then" in admitted ? admitted.then(counted) : counted(admitted);
    },
  };
}
