import type { DocumentName } from "@joinery/shared";
import type { Deletion, Lineage, Revision } from "../../../server/src/engine/ports.ts";
import type { ApiServices } from "../../../server/src/http/api/services.ts";

const LINEAGE = "0123456789abcdef0123456789abcdef" as Lineage;
const REVISION: Revision = { lineage: LINEAGE, branch: "0123456789abcdef", seq: 1 };

function deletionOf(document: DocumentName): Deletion {
  const stateVector = Uint8Array.of(0);
  return {
    document,
    number: 1,
    lineage: LINEAGE,
    deletedAt: 1,
    deletedBy: "",
    seq: 1,
    bytes: 9,
    stateVector,
  };
}

/** Says that all was done, and does nothing. */
export const NOTHING_WRITTEN: Pick<ApiServices, "writing" | "firstFormat"> = {
  writing: {
    write: async () => REVISION,
    edit: async () => REVISION,
    create: async () => REVISION,
    delete: async (_who, document) => deletionOf(document),
    restore: async () => REVISION,
    compact: async () => REVISION,
  },
  firstFormat: async (update) => update,
};
