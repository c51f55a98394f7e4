/** `npm run bench:floor`: what the kernel and Node take for a frame, with nothing in it. See ../README.md. */
import { type FrameLoad, measureFrames } from "./floor/measure-frames.ts";
import { compileNative, NODE_WAYS, type Way } from "./floor/ways.ts";
import { pinLoadGenerator } from "./pinning.ts";
import { plain, times } from "./report/numbers.ts";
import { spread } from "./report/statistics.ts";
import { markdownTable } from "./report/table.ts";
import { exitOnSignals } from "./signals.ts";

const ROUNDS = 3;
const PAYLOADS = [100, 1024, 30 * 1024];
const SOCKETS = [1, 50, 1500];
/** As many frames as fit into both, but not fewer than so many rounds, nor more. */
const MAX_FRAMES = 40_000;
const MAX_BYTES = 500_000_000;
const MIN_ROUNDS = 15;
const MAX_ROUNDS = 5_000;

exitOnSignals();
const { pin, description } = pinLoadGenerator();
const native = compileNative();
if (typeof native === "string") process.stderr.write(`Not measured in C: ${native}.\n`);
const ways: readonly Way[] = [...(typeof native === "string" ? [] : [native]), ...NODE_WAYS];

const rows: string[][] = [];
for (const payloadBytes of PAYLOADS) {
  for (const sockets of SOCKETS) {
    const frames = Math.min(MAX_FRAMES, MAX_BYTES / payloadBytes);
    const rounds = Math.round(Math.min(MAX_ROUNDS, Math.max(MIN_ROUNDS, frames / sockets)));
    rows.push(await row({ payloadBytes, sockets, rounds, warmUpRounds: Math.ceil(rounds / 5) }));
    process.stderr.write(`✓ ${rows.at(-1)?.join("  ")}\n`);
  }
}
process.stdout.write(
  [
    "",
    `µs of CPU a frame: median of ${ROUNDS} rounds, smallest and largest in brackets; × to the first. ${description}.`,
    "",
    ...markdownTable([["frame", ...ways.map(({ title }) => title)], ...rows]),
    "",
  ].join("\n"),
);
// A reader's connections may be closing still.
process.exit(0);

/** Ways take turns; ratios are taken within a round. */
async function row(load: FrameLoad): Promise<string[]> {
  const rounds: number[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const micros: number[] = [];
    for (const way of ways) micros.push(await measureFrames(way, load, pin));
    rounds.push(micros);
  }
  return [
    `${load.payloadBytes.toLocaleString("en")} B to ${load.sockets.toLocaleString("en")}`,
    ...ways.map((_, way) => {
      const micros = spread(rounds.map((round) => round[way] as number));
      const ratio = spread(rounds.map((round) => (round[way] as number) / (round[0] as number)));
      return `${plain(micros, 2)} ${times({ ...ratio, min: ratio.median, max: ratio.median })}`;
    }),
  ];
}
