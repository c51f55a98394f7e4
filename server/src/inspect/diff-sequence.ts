/** Which items of two lists are the same: the shortest way from one to the other, by Myers' algorithm. */

/** The next `count` items are in both lists, in the first only, or in the second only. */
export interface Step {
  readonly kind: "same" | "removed" | "added";
  readonly count: number;
}

/**
 * Compares two lists. What is the same at both ends is never in doubt; of what is between, the items that differ are
 * looked for up to `maxChanges`. Lists that differ more have their middle replaced as a whole.
 *
 * @param maxChanges Removed and added items; memory and time grow with its square.
 */
export function compareLists<T>(a: readonly T[], b: readonly T[], maxChanges: number): Step[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  const shorter = Math.min(a.length, b.length) - start;
  while (end < shorter && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middleA = a.slice(start, a.length - end);
  const middleB = b.slice(start, b.length - end);
  const steps: Step[] = [];
  const add = (kind: Step["kind"], count: number) => {
    const last = steps.at(-1);
    if (count === 0) return;
    if (last?.kind === kind) steps[steps.length - 1] = { kind, count: last.count + count };
    else steps.push({ kind, count });
  };
  add("same", start);
  const path = shortestPath(middleA, middleB, maxChanges);
  if (path === null) {
    add("removed", middleA.length);
    add("added", middleB.length);
  } else for (const { kind, count } of path) add(kind, count);
  add("same", end);
  return removedFirst(steps);
}

/** In a run of changes, what was removed comes before what was added. */
function removedFirst(steps: readonly Step[]): Step[] {
  const ordered: Step[] = [];
  let removed = 0;
  let added = 0;
  const flush = () => {
    if (removed > 0) ordered.push({ kind: "removed", count: removed });
    if (added > 0) ordered.push({ kind: "added", count: added });
    removed = 0;
    added = 0;
  };
  for (const step of steps) {
    if (step.kind === "removed") removed += step.count;
    else if (step.kind === "added") added += step.count;
    else {
      flush();
      ordered.push(step);
    }
  }
  flush();
  return ordered;
}

/** @returns `null` when it takes more than so many changes. */
function shortestPath<T>(a: readonly T[], b: readonly T[], maxChanges: number): Step[] | null {
  const most = Math.min(a.length + b.length, maxChanges);
  // By diagonal (x - y), how far along `a` one gets with so many changes.
  let reach = new Int32Array(3);
  const history: Int32Array[] = [];
  for (let changes = 0; changes <= most; changes++) {
    const next = new Int32Array(2 * changes + 3);
    const offset = changes + 1;
    for (let diagonal = -changes; diagonal <= changes; diagonal += 2) {
      let x = changes === 0 ? 0 : from(reach, changes - 1, diagonal, changes).x;
      let y = x - diagonal;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x++;
        y++;
      }
      next[offset + diagonal] = x;
      if (x >= a.length && y >= b.length) return walkBack(history, a.length, b.length, changes);
    }
    history.push(next);
    reach = next;
  }
  return null;
}

/** Where a diagonal is come to from the step before: down from the one above, or right from the one below. */
function from(
  reach: Int32Array,
  changesBefore: number,
  diagonal: number,
  changes: number,
): { readonly x: number; readonly isDown: boolean } {
  const offset = changesBefore + 1;
  const below = diagonal - 1 >= -changesBefore ? (reach[offset + diagonal - 1] as number) : -1;
  const above = diagonal + 1 <= changesBefore ? (reach[offset + diagonal + 1] as number) : -1;
  const isDown = diagonal === -changes || (diagonal !== changes && below < above);
  return isDown ? { x: above, isDown } : { x: below + 1, isDown };
}

function walkBack(history: readonly Int32Array[], endX: number, endY: number, changes: number): Step[] {
  const steps: Step[] = [];
  let x = endX;
  let y = endY;
  for (let step = changes; step > 0; step--) {
    const diagonal = x - y;
    const { x: startX, isDown } = from(history[step - 1] as Int32Array, step - 1, diagonal, step);
    if (x > startX) steps.push({ kind: "same", count: x - startX });
    steps.push({ kind: isDown ? "added" : "removed", count: 1 });
    x = isDown ? startX : startX - 1;
    y = startX - diagonal - (isDown ? 1 : 0);
  }
  if (x > 0) steps.push({ kind: "same", count: x });
  return steps.reverse();
}
