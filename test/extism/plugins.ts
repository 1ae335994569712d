/** The plug-in of fixtures/src/plugin.c, on either engine. */

import { loadFixture } from '../../fixtures/load.node.ts';
import { type CurrentPlugin, Plugin, type PluginFunctions, type PluginOptions } from '../../src/extism.node.ts';

export const ENGINES = ['interpreter', 'native'] as const;

export const PLUGIN = loadFixture('plugin');

/** `extism:host/user.shout`, which gives the text in capitals. */
export const SHOUT: PluginFunctions = {
  'extism:host/user': {
    shout: (plugin: CurrentPlugin, address: bigint) => plugin.store(`${plugin.read(address)?.text().toUpperCase()}!`),
  },
};

export function create(options: PluginOptions = {}): Promise<Plugin> {
  return Plugin.create(PLUGIN, { functions: SHOUT, ...options });
}

/** Units that the plug-in has used so far. */
export function gasOf({ sandbox }: Plugin): bigint {
  return sandbox.getResourceStats().gasUsed;
}
