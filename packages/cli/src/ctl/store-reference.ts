import type { StoreId } from '@tinykv/base';
import type { StoreStatus } from '@tinykv/client';
import { CliError } from '../program.js';

/** For `--help`. */
export const STORE_DOC = 'store id, name in the playground, or address';

/** A store for people: its name in the playground beside its id. */
export function describeStore(
  { store }: Pick<StoreStatus, 'store'>,
  names: ReadonlyMap<string, string>,
): string {
  const name = names.get(store.address);
  return name === undefined ? `store ${store.id}` : `${name} (id ${store.id})`;
}

/** Names by id of the stores that a playground runs. A tombstone loses its name to a store that has its address since. */
export function namesById(
  stores: readonly StoreStatus[],
  names: ReadonlyMap<string, string>,
): ReadonlyMap<StoreId, string> {
  const alive = new Set(
    stores.filter(({ store }) => store.state !== 'tombstone').map(({ store }) => store.address),
  );
  const byId = new Map<StoreId, string>();
  for (const { store } of stores) {
    const name = names.get(store.address);
    const hasHeir = store.state === 'tombstone' && alive.has(store.address);
    if (name !== undefined && !hasHeir) byId.set(store.id, name);
  }
  return byId;
}

/** The store that a user means by an id, by a playground's name or by an address. */
export function storeOf(
  text: string,
  stores: readonly StoreStatus[],
  names: ReadonlyMap<string, string>,
): StoreStatus {
  const found = stores.filter(
    ({ store }) =>
      String(store.id) === text || names.get(store.address) === text || store.address === text,
  );
  // The address of a tombstone may have been used again.
  const best = found.find(({ store }) => store.state !== 'tombstone') ?? found[0];
  if (best !== undefined) return best;
  const known = stores.map((info) => describeStore(info, names)).join(', ');
  throw new CliError(`there is no store ${text}; there are ${known === '' ? 'none' : known}`);
}
