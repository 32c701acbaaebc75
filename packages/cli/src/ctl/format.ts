import { type StoreId, toHex } from '@tinykv/base';
import type { RegionStatus, StoreCondition, StoreStatus } from '@tinykv/client';
import type { ApiMode, Peer } from '@tinykv/model';
import { plainTable } from '../playground/report.js';
import { showRange } from './show-key.js';

const bytes = (value: number): string => {
  if (value < 1024) return `${value} B`;
  if (value < 1_048_576) return `${(value / 1024).toFixed(1)} KB`;
  return value < 2 ** 30
    ? `${(value / 1_048_576).toFixed(1)} MB`
    : `${(value / 2 ** 30).toFixed(1)} GB`;
};

/** `storeNames` are names of stores in a playground by id: `7@store-2/4`, and without a playground `7@4`. */
function describePeer(
  peer: Peer,
  info: RegionStatus,
  storeNames: ReadonlyMap<StoreId, string>,
): string {
  const marks = [
    peer.id === info.leader?.id ? 'leader' : '',
    peer.learner ? 'learner' : '',
    info.pendingPeers.some((pending) => pending.id === peer.id) ? 'pending' : '',
  ].filter((mark) => mark !== '');
  const name = storeNames.get(peer.storeId);
  const store = name === undefined ? String(peer.storeId) : `${name}/${peer.storeId}`;
  return `${peer.id}@${store}${marks.length > 0 ? `(${marks.join(',')})` : ''}`;
}

/** As PD writes them. */
export const CONDITIONS: Readonly<Record<StoreCondition, string>> = {
  up: 'Up',
  disconnected: 'Disconnected',
  down: 'Down',
  offline: 'Offline',
  tombstone: 'Tombstone',
};

/** `names` are the stores' names in a playground, by address. */
export function storesTable(
  stores: readonly StoreStatus[],
  names: ReadonlyMap<string, string>,
): string {
  return plainTable(
    ['id', 'name', 'address', 'state', 'regions', 'leaders', 'size', 'free', 'heartbeat'],
    stores.map((info) => [
      String(info.store.id),
      names.get(info.store.address) ?? '-',
      info.store.address,
      CONDITIONS[info.condition],
      String(info.regionCount),
      String(info.leaderCount),
      bytes(info.regionBytes),
      info.stats === undefined
        ? '-'
        : `${bytes(info.stats.available)} of ${bytes(info.stats.capacity)}`,
      `${(info.lastHeartbeatMs / 1000).toFixed(1)} s ago`,
    ]),
  );
}

export interface RegionsView {
  readonly api: ApiMode;
  /** Bounds whole and in hexadecimal. */
  readonly hex: boolean;
  /** Names of stores by id, as far as a playground gives them. */
  readonly storeNames: ReadonlyMap<StoreId, string>;
}

export function regionsTable(regions: readonly RegionStatus[], view: RegionsView): string {
  const { api, hex, storeNames } = view;
  const peerFormat = storeNames.size > 0 ? 'id@store/store id' : 'id@store';
  return plainTable(
    ['id', 'range', 'epoch', `peers (${peerFormat})`, 'size', 'keys'],
    regions.map((info) => [
      String(info.region.id),
      showRange(api, info.region.range, hex),
      `v${info.region.epoch.version} c${info.region.epoch.confVer}`,
      info.region.peers.map((peer) => describePeer(peer, info, storeNames)).join(' '),
      bytes(info.approximateBytes),
      String(info.approximateKeys),
    ]),
  );
}

/** For `--json`: bytes become hex. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item instanceof Uint8Array) return toHex(item);
    return typeof item === 'bigint' ? item.toString() : item;
  });
}
