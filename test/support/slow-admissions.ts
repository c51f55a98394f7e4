import type { Admission, AdmissionRequest, Admissions } from "../../server/src/protocols/admission.ts";

/** Lets a client in when the test says so. */
export class SlowAdmissions implements Admissions {
  readonly needsToken: boolean;
  readonly isAuthenticating = true;
  readonly asked: AdmissionRequest[] = [];
  readonly answers: PromiseWithResolvers<Admission>[] = [];

  constructor({ needsToken }: { readonly needsToken: boolean }) {
    this.needsToken = needsToken;
  }

  admit(request: AdmissionRequest): Promise<Admission> {
    this.asked.push(request);
    const answer = Promise.withResolvers<Admission>();
    this.answers.push(answer);
    return answer.promise;
  }
}
