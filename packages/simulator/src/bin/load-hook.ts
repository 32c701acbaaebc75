import type { InitializeHook, LoadHook } from 'node:module';

/** Modules that are loaded from the given text instead of their file, by address. */
let modules: ReadonlyMap<string, string> = new Map();

export const initialize: InitializeHook<ReadonlyMap<string, string>> = (data) => {
  modules = data;
};

export const load: LoadHook = (url, context, nextLoad) => {
  const source = modules.get(url);
  if (source === undefined) return nextLoad(url, context);
  return { format: 'module', source, shortCircuit: true };
};
