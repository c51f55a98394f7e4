/** Hocuspocus extensions, to run in Joinery. */

import type { Plugin, PluginCounts } from "../plugin.ts";
import { checkExtensions, type HocuspocusOptions, resolveConfiguration } from "./configuration.ts";
import { HookChain } from "./hook-chain.ts";
import { type AnyExtension, HOOKS, type HookName } from "./hooks.ts";
import { ExtensionHost, pluginOf } from "./host.ts";

export type { HocuspocusOptions } from "./configuration.ts";
export type {
  ExtensionConnection,
  ExtensionContext,
  ExtensionDirectConnection,
  ExtensionDocument,
  ExtensionInstance,
  HocuspocusExtension,
  HookPayloads,
} from "./payloads.ts";

/**
 * Makes one plugin of all extensions: objects written for Hocuspocus 4, called as there. Where that differs is in
 * docs/hocuspocus.md.
 *
 * @param options What Hocuspocus' configuration has beside its extensions: hooks, which are called last, and times.
 * @throws JoineryError INVALID_OPTION (never retry), naming the option.
 */
export function hocuspocusExtensions(
  extensions: readonly AnyExtension[],
  options: HocuspocusOptions = {},
): Plugin & { readonly counts: PluginCounts } {
  const names = Object.keys(HOOKS) as HookName[];
  const configuration = resolveConfiguration(options, names);
  const { hooks, hookTimeoutMs: timeoutMs, slowHookMs: slowMs } = configuration;
  const chain = new HookChain(
    { extensions: checkExtensions(extensions), own: hooks, timeoutMs, slowMs },
    names,
  );
  return pluginOf(new ExtensionHost(chain, configuration));
}
