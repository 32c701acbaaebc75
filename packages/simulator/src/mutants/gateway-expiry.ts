import type { Mutant } from './mutant.js';

/** Mistakes about the entries of keys that expire, which lie beside the metas in each slot. */
export const gatewayExpiryMutants: readonly Mutant[] = [
  {
    name: 'gateway-expiry-entry-forgotten',
    edits: [
      {
        file: 'packages/gateway/src/turn/turn-batch.ts',
        find: '    group.companions = this.#kv.companions;',
        replace: '    group.companions = this.#kv.companions.slice(1);',
      },
    ],
    breaks:
      'SET with a time leaves no entry among the keys that expire: nobody removes the key, so the sweep of the end never ends.',
    workload: 'redis',
  },
  {
    name: 'gateway-sweep-trusts-schedule',
    edits: [
      {
        file: 'packages/gateway/src/model/sweeper.ts',
        find: '      if (!isEmpty) await this.#look(database, { from: slot, to: end }, 0);',
        replace:
          '      if (!isEmpty && slot < 0) await this.#look(database, { from: slot, to: end }, 0);',
      },
    ],
    breaks:
      'A gateway sweeps only what it has written itself since it began: keys of gateways that were killed stay for ever.',
    workload: 'redis',
  },
  {
    name: 'model-group-passed-by',
    edits: [
      {
        file: 'packages/model/src/key-groups.ts',
        find: '    if (order < 0) return withTag(name, tag);',
        replace: '    if (order < 0) return afterGroup(name);',
      },
    ],
    breaks:
      'A scan that meets a key below the wanted ones passes by the whole group: expired keys are not found beside their metas, and stay.',
    workload: 'redis',
  },
];
