import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { CONDITIONS } from './format.js';
import { describeStore, STORE_DOC, storeOf } from './store-reference.js';
import { type CtlTools, print } from './tools.js';

/** `tinykv ctl store offline | online STORE`. */
export function storeCommand(tools: CtlTools): Command {
  return new Command('store')
    .description('orders about one store')
    .addCommand(offlineCommand(tools))
    .addCommand(onlineCommand(tools));
}

function offlineCommand(tools: CtlTools): Command {
  const offline = new Command('offline')
    .argument('<store>', STORE_DOC)
    .description('move all its peers away, then retire it; "online" is the way back until then');
  return offline.action((text: string) =>
    tools.onScheduler(offline, async ({ admin }, options) => {
      const found = storeOf(text, (await admin.clusterStatus()).stores, options.names);
      await admin.setStoreState(found.store.id, 'offline');
      const shown =
        `${describeStore(found, options.names)} is offline: its peers move away; ` +
        'until it is a Tombstone, "store online" calls that off';
      print(options, { storeId: found.store.id, state: 'offline' }, shown);
      return EXIT.ok;
    }),
  );
}

/** The way back. The scheduler refuses a tombstone, and says why. */
function onlineCommand(tools: CtlTools): Command {
  const online = new Command('online')
    .argument('<store>', STORE_DOC)
    .description('keep a store that was sent offline, while it is not yet a Tombstone');
  return online.action((text: string) =>
    tools.onScheduler(online, async ({ admin }, options) => {
      const found = storeOf(text, (await admin.clusterStatus()).stores, options.names);
      const { id: storeId, state } = found.store;
      await admin.setStoreState(storeId, 'up');
      const name = describeStore(found, options.names);
      const shown =
        state === 'up'
          ? `${name} is ${CONDITIONS[found.condition]}: it was not offline`
          : `${name} stays: Regions may have peers there again; moves that have begun end`;
      print(options, { storeId, state: 'up' }, shown);
      return EXIT.ok;
    }),
  );
}
