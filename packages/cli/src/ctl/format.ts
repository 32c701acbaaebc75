import { toHex } from '@tinykv/base';
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

function describePeer(peer: Peer, info: RegionStatus): string {
  const marks = [
    peer.id === info.leader?.id ? 'leader' : '',
    peer.learner ? 'learner' : '',
    info.pendingPeers.some((pending) => pending.id === peer.id) ? 'pending' : '',
  ].filter((mark) => mark !== '');
  return `${peer.id}@${peer.storeId}${marks.length > 0 ? `(${marks.join(',')})` : ''}`;
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
}

export function regionsTable(regions: readonly RegionStatus[], { api, hex }: RegionsView): string {
  return plainTable(
    ['id', 'range', 'epoch', 'peers (id@store)', 'size', 'keys'],
    regions.map((info) => [
      String(info.region.id),
      showRange(api, info.region.range, hex),
      `v${info.region.epoch.version} c${info.region.epoch.confVer}`,
      info.region.peers.map((peer) => describePeer(peer, info)).join(' '),
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
