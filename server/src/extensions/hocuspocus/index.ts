/** Hocuspocus extensions, to run in Joinery. */

import type { Plugin } from "../plugin.ts";
import { checkExtensions, type HocuspocusOptions, resolveConfiguration } from "./configuration.ts";
import { HookChain } from "./hook-chain.ts";
import { HOOKS, type HocuspocusExtension, type HookName } from "./hooks.ts";
import { ExtensionHost, type HostCounts, pluginOf } from "./host.ts";

export type { HocuspocusOptions } from "./configuration.ts";
export type { HocuspocusExtension } from "./hooks.ts";
export type { HostCounts } from "./host.ts";

/**
 * Makes one plugin of all extensions: objects written for Hocuspocus 4, called as there. Where that differs is in
 * docs/hocuspocus.md.
 *
 * @param options What Hocuspocus' configuration has beside its extensions: hooks, which are called last, and times.
 * @throws JoineryError INVALID_OPTION (never retry), naming the option.
 */
export function hocuspocusExtensions(
  extensions: readonly HocuspocusExtension[],
  options: HocuspocusOptions = {},
): Plugin & { readonly counts: HostCounts } {
  const names = Object.keys(HOOKS) as HookName[];
  const configuration = resolveConfiguration(options, names);
  const { hooks, hookTimeoutMs: timeoutMs, slowHookMs: slowMs } = configuration;
  const chain = new HookChain(
    { extensions: checkExtensions(extensions), own: hooks, timeoutMs, slowMs },
    names,
  );
  return pluginOf(new ExtensionHost(chain, configuration));
}
