import type { DocumentName, JoineryError } from "@joinery/shared";

/** What was done to a document as a whole, and by whom. */
export type DocumentEvent =
  | {
      readonly type: "document-deleted";
      readonly document: DocumentName;
      /** Empty for nobody in particular. */
      readonly user: string;
      /** Under which number it can be restored. */
      readonly number: number;
      readonly bytes: number;
    }
  | {
      readonly type: "document-restored";
      readonly document: DocumentName;
      readonly number: number;
    }
  /** What was deleted so long ago that it is not kept any more was erased. */
  | { readonly type: "deletions-purged"; readonly deletions: number }
  | { readonly type: "purge-failed"; readonly error: JoineryError };
