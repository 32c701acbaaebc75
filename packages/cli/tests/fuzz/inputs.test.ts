import { ProtoError } from '@tinykv/proto';
import { expect, it } from 'vitest';
import { Inputs } from './inputs.js';
import { allRpcs } from './schema.js';
import { serverOf } from './targets.js';
import { testWorld } from './test-world.js';

const rpcs = allRpcs();
const plan = { seed: 1, world: testWorld, rpcs };
const SIZE = 300;

it('knows where every method of proto/ is served', () => {
  const servers = new Map(rpcs.map((rpc) => [rpc.service, serverOf(rpc)]));
  expect(Object.fromEntries(servers)).toEqual({
    'schedulerpb.Scheduler': 'scheduler',
    'tinykvadmin.Admin': 'scheduler',
    'tinykvpb.TinyKv': 'store',
    'tinykvpeer.Peer': 'store',
    'tinykvstream.Batch': 'store',
    'tinykvtxn.Txn': 'store',
  });
});

it.each(rpcs.map((rpc) => [rpc.path, rpc] as const))(
  '%s: distinct requests, of which a server can read some and not others',
  (_path, rpc) => {
    const inputs = new Inputs(rpc, plan);
    const drawn = Array.from({ length: SIZE }, () => inputs.next());
    expect(new Set(drawn.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(SIZE);
    const readable = drawn.filter((bytes) => canRead(rpc.codec, bytes)).length;
    expect(readable).toBeGreaterThan(SIZE / 20);
    expect(readable).toBeLessThan(SIZE);
  },
);

it('draws the same requests for the same seed, and others for another', () => {
  const first = (seed: number): string[] => {
    const inputs = new Inputs(rpcs[0]!, { ...plan, seed });
    return Array.from({ length: 20 }, () => Buffer.from(inputs.next()).toString('hex'));
  };
  expect(first(7)).toEqual(first(7));
  expect(first(7)).not.toEqual(first(8));
});

it('sets every field of every request now and then', () => {
  const missing = rpcs.flatMap((rpc) => {
    const inputs = new Inputs(rpc, plan, { guarded: false });
    const said = new Set<string>();
    for (let i = 0; i < SIZE; i++) {
      const request = read(rpc.codec, inputs.next());
      for (const [name, value] of Object.entries(request ?? {})) if (isSaid(value)) said.add(name);
    }
    return Object.keys(rpc.codec.create())
      .filter((name) => !said.has(name))
      .map((name) => `${rpc.path} ${name}`);
  });
  expect(missing).toEqual([]);
});

function isSaid(value: unknown): boolean {
  if (typeof value === 'object' && value !== null && 'length' in value) return value.length !== 0;
  return Boolean(value);
}

function canRead(codec: (typeof rpcs)[number]['codec'], bytes: Uint8Array): boolean {
  return read(codec, bytes) !== undefined;
}

function read(codec: (typeof rpcs)[number]['codec'], bytes: Uint8Array): object | undefined {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (error instanceof ProtoError) return undefined;
    throw error;
  }
}
