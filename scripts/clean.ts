/** Removes what earlier builds emitted, so that nothing of a file that is gone is packed. */

import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

for (const path of ["shared", "server", "client", "cli"].map((name) => `${name}/dist`)) {
  rmSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), { recursive: true, force: true });
}
