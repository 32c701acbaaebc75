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
function store() {
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
  registry.add(new Peer(meta, region, group as unknown as Peer['group'], 0));
  const access = new RaftRegionAccess(registry, {} as KvEngine, {} as SafePointMark);
  const context: RequestContext = { regionId: 3, epoch: region.epoch, peer: meta, term: 0 };
  return { access, context, group, asked, region };
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
});
