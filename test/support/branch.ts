/** Branches of a document's log, for tests in which it does not matter which. */

import type { NewestBranch } from "@joinery/shared/protocol";

export const BRANCH = "0123456789abcdef";

/** As a server tells it that has written all of the log since it started. */
export const ONE_BRANCH: NewestBranch = { seq: 1, id: BRANCH, before: "0".repeat(16) };
