import { type KvEngine, type Result, utf8 } from '@tinykv/base';
import {
  locationKey,
  type Region,
  type RegionError,
  type RegionView,
  type RequestContext,
} from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { RaftRegionAccess } from './access.js';
import { Peer } from './peer.js';
import { PeerRegistry } from './registry.js';
import type { SafePointMark } from './safe-point.js';

type Confirmed = (refusal: undefined) => void;

/** A store with one peer, whose group is what a test makes it. */
function store(space?: { diskFull: string | undefined }) {
  const meta = { id: 11, storeId: 1, learner: false };
  const region: Region = {
    id: 3,
    range: { start: locationKey('txn', utf8('a')), end: locationKey('txn', utf8('z')) },
    epoch: { confVer: 1, version: 1 },
    peers: [meta],
  };
  const asked: Confirmed[] = [];
  const group = {
    id: 3,
    isLeader: true,
    hasLease: true,
    appliedOwnTerm: true,
    destroyed: false,
    node: { term: 6, lead: 11 },
    leaseValid: () => group.isLeader && group.hasLease,
    touch: () => undefined,
    reads: { add: (confirmed: Confirmed) => void asked.push(confirmed) },
  };
  const registry = new PeerRegistry(1, 'txn');
  const peer = new Peer(meta, region, group as unknown as Peer['group'], 0);
  registry.add(peer);
  const access = new RaftRegionAccess(registry, {} as KvEngine, {} as SafePointMark, space);
  const context: RequestContext = { regionId: 3, epoch: region.epoch, peer: meta, term: 0 };
  return { access, context, group, asked, region, peer };
}

function viewOf(view: Result<RegionView, RegionError>): RegionView {
  if (!view.ok) throw new Error(view.error.type);
  return view.value;
}

async function byReadIndex(of: ReturnType<typeof store>): Promise<RegionView> {
  of.group.hasLease = false;
  const acquired = of.access.acquireRead(of.context, [utf8('k')]);
  of.asked[0]!(undefined);
  return viewOf(await acquired);
}

describe('a view of a Region', () => {
  it('is given at once by a lease, and is no good once the lease is over', async () => {
    const of = store();
    const view = viewOf(await of.access.acquireRead(of.context, [utf8('k')]));
    expect(of.asked).toEqual([]);
    expect(view.confirm().ok).toBe(true);
    of.group.hasLease = false;
    expect(view.confirm()).toMatchObject({ ok: false, error: { type: 'not-leader' } });
  });

  it('without a lease waits for a read index, and is good without a lease', async () => {
    const view = await byReadIndex(store());
    expect(view.confirm().ok).toBe(true);
  });

  it('by read index is no good once its leadership is over: a snapshot may be taking its place', async () => {
    const of = store();
    const view = await byReadIndex(of);
    of.group.isLeader = false;
    expect(view.confirm()).toMatchObject({ ok: false, error: { type: 'not-leader' } });
    // It leads again: what it had not applied then may have been replaced meanwhile.
    of.group.isLeader = true;
    of.group.node.term = 8;
    expect(view.confirm()).toMatchObject({ ok: false, error: { type: 'not-leader' } });
  });

  it('for a command that proposes is no good once its leadership is over', async () => {
    const of = store();
    of.group.hasLease = false;
    const view = viewOf(await of.access.acquireWrite(of.context, [utf8('k')]));
    expect(view.confirm().ok).toBe(true);
    of.group.isLeader = false;
    expect(view.confirm()).toMatchObject({ ok: false, error: { type: 'not-leader' } });
  });

  it('refuses a value while the disk is full, and says so; a delete goes on', async () => {
    const space = { diskFull: undefined as string | undefined };
    const { access, context, peer } = store(space);
    const key = utf8('k');
    const view = viewOf(await access.acquireWrite(context, [key]));
    const raw = { cf: 'default', key } as const;
    const submitted: string[] = [];
    peer.submit = ({ modifies, waiter }) => {
      submitted.push(...modifies.map(({ type }) => type));
      waiter.done({ ok: true, value: undefined });
    };
    space.diskFull = 'disk full: 3 MiB are free';
    const put = { type: 'raw-put', ...raw, value: utf8('v') } as const;
    expect(await access.propose(view, [put])).toEqual({
      ok: false,
      error: { type: 'server-is-busy', reason: 'disk full: 3 MiB are free' },
    });
    expect(await access.propose(view, [{ type: 'raw-delete', ...raw }])).toMatchObject({
      ok: true,
    });
    space.diskFull = undefined;
    expect(await access.propose(view, [put])).toMatchObject({ ok: true });
    expect(submitted).toEqual(['raw-delete', 'raw-put']);
  });
});
