import type { Step } from "./timetable.ts";

/**
 * Sends every step at its time.
 *
 * @param send May throw, which ends it.
 * @returns How late each step was sent, in milliseconds: what the load generator itself could not keep up with.
 */
export async function playSteps(steps: readonly Step[], send: (step: Step) => void): Promise<number[]> {
  const startMs = performance.now();
  const lateMs: number[] = [];
  let next = 0;
  await new Promise<void>((resolve, reject) => {
    const tick = () => {
      try {
        for (let step = steps[next]; step !== undefined; step = steps[++next]) {
          const late = performance.now() - startMs - step.atMs;
          if (late < 0) break;
          lateMs.push(late);
          send(step);
        }
      } catch (error) {
        reject(error);
        return;
      }
      const step = steps[next];
      if (step === undefined) resolve();
      else setTimeout(tick, Math.max(0, step.atMs - (performance.now() - startMs)));
    };
    tick();
  });
  return lateMs;
}
