import { type DocumentName, JoineryError } from "@joinery/shared";

/**
 * Gives what reading a document rejects with its place in the table of errors.
 *
 * @param document `null` for what is no document's.
 */
export async function reading<T>(document: DocumentName | null, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw readError(document === null ? "the database" : `document ${JSON.stringify(document)}`, error);
  }
}

/** @param what What was read, for the message. */
export function readError(what: string, error: unknown): JoineryError {
  if (error instanceof JoineryError) return error;
  if (error instanceof Error && "code" in error && error.code === "LEVEL_CORRUPTION") {
    const message = `${what} is damaged: ${error.message}; what is stored was left as it is`;
    return new JoineryError("DOCUMENT_DAMAGED", message, { cause: error });
  }
  return unavailable(`${what} cannot be read: ${messageOf(error)}`, error);
}

export function unavailable(why: string, cause?: unknown): JoineryError {
  return new JoineryError("STORAGE_UNAVAILABLE", `storage is not available: ${why}`, { cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
