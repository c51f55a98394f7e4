/**
 * What the kernel counts for a process, read from outside so that it is the same for every server. Linux only:
 * elsewhere there is no counter that another process can read without a native module.
 */
import { readFileSync } from "node:fs";

/** USER_HZ, the unit of /proc/<pid>/stat: part of the kernel's interface and 100 on every platform Node runs on. */
const TICKS_PER_SECOND = 100;

/** @throws Error when this system has no /proc. */
export function assertCountersReadable(): void {
  if (process.platform === "linux") return;
  throw new Error(`the benchmark reads /proc and needs Linux; this is ${process.platform}`);
}

/** CPU seconds, user and system, of all threads since the process started; to a hundredth of a second. */
export function readCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Fields are counted from behind the command's name, which may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [fields[11], fields[12]];
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/** The most memory that the process has had resident at once. */
export function readPeakBytes(pid: number): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no VmHWM`);
  return Number(kibibytes) * 1024;
}
