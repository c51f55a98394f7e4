import type { DocumentName } from "@joinery/shared";

/** Which documents the application has as they are on disk. Those used longest ago are forgotten. */
export class StoredMarks {
  readonly #marks = new Map<DocumentName, { readonly lineage: string; readonly seq: number }>();
  readonly #maxMarks: number;

  constructor(maxMarks: number) {
    this.#maxMarks = maxMarks;
  }

  has(document: DocumentName, lineage: string, seq: number): boolean {
    const mark = this.#marks.get(document);
    return mark?.lineage === lineage && mark.seq === seq;
  }

  /** @returns Whether another one had to be forgotten for it. */
  set(document: DocumentName, lineage: string, seq: number): boolean {
    this.#marks.delete(document);
    this.#marks.set(document, { lineage, seq });
    const [oldest] = this.#marks.keys();
    if (oldest === undefined || this.#marks.size <= this.#maxMarks) return false;
    this.#marks.delete(oldest);
    return true;
  }
}
