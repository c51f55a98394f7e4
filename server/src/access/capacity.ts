/** Whether something is about one document, or about all. */
interface About {
  readonly document?: string;
}

/** Who manages documents may fill this part: the rest is for who manages the server, who must not be kept from it. */
const PART_OF_DOCUMENTS = 0.75;

/** Whether there is no place for one more. Cost: linear in what there is. */
export function isFull(all: Iterable<About>, max: number, { document }: About): boolean {
  let count = 0;
  let ofDocuments = 0;
  for (const one of all) {
    count++;
    if (one.document !== undefined) ofDocuments++;
  }
  return count >= max || (document !== undefined && ofDocuments >= Math.ceil(max * PART_OF_DOCUMENTS));
}
