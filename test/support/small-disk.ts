import { execFile } from "node:child_process";
import { mkdtemp, rm, rmdir, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A disk in memory that can be filled up and freed. */
export interface SmallDisk {
  /** Where it is mounted. */
  readonly folder: string;
  /** Fills it until this many bytes are left. */
  fill(leaveBytes: number): Promise<void>;
  /** Takes away what it was filled with. */
  free(): Promise<void>;
  freeBytes(): Promise<number>;
  unmount(): Promise<void>;
}

/** Why disks cannot be mounted here, as whoever runs the tests may want to know. */
export const CANNOT_MOUNT = "mounting a small disk takes Linux and root, in a container with CAP_SYS_ADMIN";

/** Mounts a disk; `null` where that is not possible. */
export async function mountSmallDisk(bytes: number): Promise<SmallDisk | null> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-disk-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder]);
  } catch {
    await rmdir(folder);
    return null; // Whoever asked says so, and why.
  }
  const ballast = join(folder, "ballast");
  const freeBytes = async () => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  };
  return {
    folder,
    freeBytes,
    fill: async (leaveBytes) => {
      await rm(ballast, { force: true });
      await writeFile(ballast, new Uint8Array(Math.max((await freeBytes()) - leaveBytes, 0)));
    },
    free: () => rm(ballast, { force: true }),
    unmount: async () => {
      // What still has a file open there is gone in a moment; the name goes at once.
      await run("umount", ["--lazy", folder]);
      await rmdir(folder);
    },
  };
}

/** Mounts a folder a second time, to be read only; `null` where that is not possible. */
export async function mountReadOnly(
  folder: string,
): Promise<{ readonly folder: string; unmount(): Promise<void> } | null> {
  const place = await mkdtemp(join(tmpdir(), "joinery-read-only-"));
  const unmount = async () => {
    await run("umount", ["--lazy", place]);
    await rmdir(place);
  };
  try {
    await run("mount", ["--bind", folder, place]);
  } catch {
    await rmdir(place);
    return null; // Whoever asked says so, and why.
  }
  try {
    await run("mount", ["-o", "remount,bind,ro", place]);
  } catch {
    await unmount();
    return null; // As above.
  }
  return { folder: place, unmount };
}
