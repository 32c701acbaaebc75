import { assert, type FileReader, type Fs, fromUtf8, type NetStream, Prng } from '@tinykv/base';
import type { MemoryFs } from '@tinykv/base/testing';
import { tinykvpeer } from '@tinykv/proto';
import type { RegionStatus } from '@tinykv/raftstore';
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster } from './harness.js';

let cluster: TestCluster;

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

/** Makes `k` large enough for a snapshot of several parts. */
const VALUE = 'v'.repeat(100_000);
const KEYS = 8;

/** Three replicas; the store that is returned is down, and so far behind that it needs a snapshot. */
async function start(): Promise<{ id: number; at: number; fs: MemoryFs }> {
  cluster = await TestCluster.start({
    config: {
      replica: {
        tickMs: 50,
        electionTicks: 10,
        heartbeatTicks: 2,
        barrierIntervalMs: 200,
        barrierBytes: 1_000_000,
        logGcIntervalMs: 200,
        logGcEntries: 5,
      },
    },
  });
  const { id } = cluster.regionOf('');
  await cluster.addPeer(id, 1);
  await cluster.addPeer(id, 2);
  await cluster.put('old', '1');
  await cluster.expectEqualReplicas(id);
  const at = (cluster.leaderOf(id)! + 1) % 3;
  await cluster.stopStore(at);
  for (let i = 0; i < KEYS; i++) await cluster.put(`k${i}`, `${i}${VALUE}`);
  for (let i = 0; i < 20; i++) await cluster.put('last', `${i}`);
  await cluster.clock.run(2_000);
  return { id, at, fs: cluster.nodes[at]!.fs };
}

async function expectWhole(id: number, fs: MemoryFs): Promise<void> {
  await cluster.expectEqualReplicas(id);
  for (let i = 0; i < KEYS; i++) {
    expect(fromUtf8((await cluster.get(`k${i}`))!)).toBe(`${i}${VALUE}`);
  }
  await cluster.clock.run(1_000);
  expect([...fs.files.keys()]).toEqual([]);
}

function peerOn(at: number): RegionStatus {
  const [status] = cluster.nodes[at]!.store!.regions();
  assert(status !== undefined, 'the store has its peer');
  return status;
}

type Damage = (files: Map<string, Uint8Array>, path: string) => void;

const damages: [string, Damage][] = [
  ['truncated', (files, path): void => void files.set(path, files.get(path)!.slice(0, -30))],
  [
    'cut in the middle',
    (files, path): void => void files.set(path, files.get(path)!.slice(0, 999)),
  ],
  ['empty', (files, path): void => void files.set(path, new Uint8Array(0))],
  [
    'with one bit flipped',
    (files, path): void => {
      const bytes = files.get(path)!.slice();
      bytes[Math.floor(bytes.length / 2)]! ^= 4;
      files.set(path, bytes);
    },
  ],
  ['removed', (files, path): void => void files.delete(path)],
];

/** From now on `act` gets its say each time that a snapshot file is finished. */
function onFinish(fs: MemoryFs, act: (path: string) => void): void {
  const openWrite = fs.openWrite.bind(fs);
  fs.openWrite = async (path): ReturnType<Fs['openWrite']> => {
    const writer = await openWrite(path);
    return {
      ...writer,
      finish: async (): Promise<void> => {
        await writer.finish();
        act(path);
      },
    };
  };
}

/** From now on `before` is waited for before each read of a file. */
function onRead(fs: MemoryFs, before: () => Promise<void> | void): void {
  const openRead = fs.openRead.bind(fs);
  fs.openRead = async (path): Promise<FileReader> => {
    const reader = await openRead(path);
    return {
      ...reader,
      read: async (offset, length): Promise<Uint8Array> => {
        await before();
        return reader.read(offset, length);
      },
    };
  };
}

/** Keeps what is sent in snapshot streams from now on. */
function recordSnapshots(): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const { net } = cluster;
  const open = net.open.bind(net);
  net.open = (address, method, events): NetStream => {
    const stream = open(address, method, events);
    if (method !== tinykvpeer.Peer.snapshot.path) return stream;
    const send = stream.send.bind(stream);
    stream.send = (frame): boolean => {
      frames.push(frame.slice());
      return send(frame);
    };
    return stream;
  };
  return frames;
}

/** Sends a snapshot to a store once more; the answers to its parts. */
async function sendAgain(at: number, frames: readonly Uint8Array[]): Promise<string[]> {
  const answers: string[] = [];
  const stream: NetStream = {
    bufferedBytes: 0,
    send: (bytes) => {
      const { ok, error } = tinykvpeer.SnapshotAck.decode(bytes);
      answers.push(ok ? 'ok' : error);
      return true;
    },
    end: () => undefined,
    destroy: () => undefined,
  };
  const handler = cluster.nodes[at]!.store!.streams().get(tinykvpeer.Peer.snapshot.path)!;
  const events = handler(stream, { address: 'store-9:1' });
  for (const frame of frames) events.onMessage(frame);
  await cluster.clock.run(200);
  return answers;
}

/** The store dies when the point is reached, with its file as `damage` leaves it. */
async function dieAt(point: string, at: number, damage: (path: string) => void): Promise<void> {
  cluster.crashPoints = [point];
  await cluster.startStore(at);
  await cluster.until(`${point} is reached`, () => cluster.crashed.length > 0);
  cluster.crashPoints = [];
  await cluster.crashStore(at, new Prng(point));
  const [path] = cluster.nodes[at]!.fs.files.keys();
  damage(path!);
}

describe('snapshot_file_integrity', () => {
  it.each(damages)(
    'a file found %s before it is applied is deleted, and sent again',
    async (_, damage) => {
      const { id, at, fs } = await start();
      const spoilt: string[] = [];
      onFinish(fs, (path) => {
        if (spoilt.length >= 3) return;
        spoilt.push(path);
        damage(fs.files, path);
      });
      await cluster.startStore(at);
      await cluster.until('three have been spoilt', () => spoilt.length === 3);
      expect(peerOn(at).role).not.toBe('Damaged');
      await expectWhole(id, fs);
    },
  );

  it.each(damages)(
    'a file found %s after a crash stops its peer, and no other',
    async (_, damage) => {
      const { id, at, fs } = await start();
      await dieAt('snapshot-before-data', at, (path) => damage(fs.files, path));
      await cluster.startStore(at);
      const { role, peerId } = peerOn(at);
      expect(role).toBe('Damaged');
      await cluster.put('last', 'with two');
      await cluster.removePeer(id, at);
      await cluster.addPeer(id, at);
      await expectWhole(id, fs);
      expect(peerOn(at).peerId).toBeGreaterThan(peerId);
    },
  );

  it('a file that goes bad once the core has let go of its log stops the peer alone', async () => {
    const { id, at, fs } = await start();
    const openRead = fs.openRead.bind(fs);
    let opened = 0;
    fs.openRead = async (path): Promise<FileReader> => {
      // The first look is before the core is told, the second before the first record is written.
      if (++opened === 2) fs.files.get(path)!.fill(0, 100, 200);
      return openRead(path);
    };
    await cluster.startStore(at);
    await cluster.until('it is damaged', () => peerOn(at).role === 'Damaged');
    expect(opened).toBe(2);
    await cluster.removePeer(id, at);
    await cluster.addPeer(id, at);
    await expectWhole(id, fs);
  });

  it('a store that dies at any step of the install begins it again', async () => {
    const { id, at, fs } = await start();
    let reads = 0;
    let steps = 0;
    let died = true;
    onRead(fs, () => {
      if (++reads < steps) return undefined;
      died = true;
      cluster.nodes[at]!.mortal!.kill();
      return new Promise<void>(() => undefined);
    });
    while (died) {
      steps++;
      reads = 0;
      died = false;
      const start = cluster.startStore(at);
      start.catch(() => undefined);
      await cluster.clock.run(2_000);
      if (died) await cluster.crashStore(at, new Prng(steps));
    }
    // Thrice over all parts, each in two reads.
    expect(steps).toBeGreaterThan(3 * 2 * 4);
    await expectWhole(id, fs);
  });

  it('one that is sent again is applied once, and never brings old data back', async () => {
    const { id, at, fs } = await start();
    const frames = recordSnapshots();
    let isHeld = true;
    const held: (() => void)[] = [];
    let reads = 0;
    onRead(fs, () => {
      // In the second pass the core has taken it: from there on it is being installed.
      if (++reads <= 2 * frames.length || !isHeld) return undefined;
      return new Promise<void>((resolve) => held.push(resolve));
    });
    await cluster.startStore(at);
    await cluster.until('it is being installed', () => held.length > 0);
    const sent = [...frames];
    expect(await sendAgain(at, sent)).toEqual(['another snapshot is being applied']);
    isHeld = false;
    for (const go of held) go();
    await cluster.expectEqualReplicas(id);
    await cluster.put('last', 'newer');
    await cluster.expectEqualReplicas(id);
    const { applied } = peerOn(at);
    expect(new Set(await sendAgain(at, sent))).toEqual(new Set(['ok']));
    await sendAgain(at, sent.slice(0, -1));
    expect(peerOn(at)).toMatchObject({ applied, role: 'StateFollower' });
    expect(fromUtf8((await cluster.get('last'))!)).toBe('newer');
    await expectWhole(id, fs);
  });
});
