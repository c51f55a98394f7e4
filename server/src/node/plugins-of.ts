/** What an application adds to a server by its options: as plugins, in the order in which they are asked. */

import { JoineryError } from "@joinery/shared";
import { anonymousAdmissions } from "../access/anonymous.ts";
import { jwtAdmissions } from "../access/jwt/jwt-admissions.ts";
import type { KeysEvent } from "../access/jwt/remote-keys.ts";
import { hocuspocusExtensions } from "../extensions/hocuspocus/index.ts";
import { hooksPlugin } from "../extensions/hooks/hooks-plugin.ts";
import type { Plugin } from "../extensions/plugin.ts";
import type { Admissions } from "../protocols/admission.ts";
import { SYSTEM_CLOCK } from "./clock.ts";
import type { ResolvedOptions } from "./options.ts";

/**
 * What the options add to the server. Hooks of its own are asked first.
 *
 * @throws JoineryError INVALID_OPTION (never retry).
 */
export function pluginsOf(options: ResolvedOptions, report: (event: KeysEvent) => void): Plugin[] {
  const { hooks, extensions, hocuspocus, hookTimeoutMs, storeDelayMs, maxStoreDelayMs } = options;
  const plugins: Plugin[] = [];
  // Hooks and extensions are told who a token says that somebody is.
  const admissions = tokenAdmissions(options, report);
  if (admissions !== null) plugins.push({ admissions, observer: null, start: async () => undefined });
  if (hooks !== null) {
    plugins.push(hooksPlugin(hooks, { timeoutMs: hookTimeoutMs, storeDelayMs, maxStoreDelayMs }));
  }
  if (extensions.length > 0 || hocuspocus !== null) {
    plugins.push(hocuspocusExtensions(extensions, { hookTimeoutMs, ...hocuspocus }));
  }
  return plugins;
}

function tokenAdmissions(
  { access, hooks, limits }: ResolvedOptions,
  report: (event: KeysEvent) => void,
): Admissions | null {
  const { jwt, anonymous } = access;
  if (jwt !== null) {
    return jwtAdmissions(jwt, { clock: SYSTEM_CLOCK, limits, report, ...(anonymous && { anonymous }) });
  }
  if (anonymous === null) return null;
  if (hooks?.authenticate === undefined) return anonymousAdmissions(anonymous);
  throw new JoineryError(
    "INVALID_OPTION",
    'option "access.anonymous" is for tokens ("access.jwt"): the hook "authenticate" decides itself about whom it is shown no token of',
  );
}
