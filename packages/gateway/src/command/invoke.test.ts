import { ok, utf8 } from '@tinykv/base';
import { expect, test } from 'vitest';
import type { DataCall, DataCommand, GatewayState, SessionState } from '../commands/spec.js';
import { metaKey } from '../model/keys.js';
import { makeMeta } from '../model/meta-codec.js';
import { RedisTxn } from '../model/redis-txn.js';
import { integer, type Reply } from '../resp/types.js';
import { faultyGateway } from '../testing/faulty-gateway.js';
import { MemoryKv } from '../testing/memory-kv.js';
import { TestClock } from '../testing/test-clock.js';
import { invoke } from './invoke.js';

const A = utf8('a');
const B = utf8('b');

function commandOf(apply: (call: DataCall) => Reply): DataCommand {
  const parse = (): ReturnType<typeof ok<undefined>> => ok(undefined);
  return { name: 'made-up', parse, apply, headsOnly: false } as unknown as DataCommand;
}

async function run(apply: (call: DataCall) => Reply): Promise<Reply> {
  const txn = new RedisTxn(await new MemoryKv(new TestClock()).begin(), 1, [0]);
  const nobody = {} as SessionState;
  const nothing = {} as GatewayState;
  const command = { spec: commandOf(apply), argv: [A], plan: 1, session: nobody, gateway: nothing };
  return invoke(command, txn, 0);
}

test('a step that needs more runs again from its start, with all that it has asked for', async () => {
  const runs: string[] = [];
  const answer = await run(({ db }) => {
    runs.push('begins');
    db.get(A);
    runs.push('has a');
    const asked = db.txn.loads.answer(async () => runs.push('reads'));
    db.get(B);
    return integer(asked);
  });
  expect(runs).toEqual([
    'begins',
    'begins',
    'has a',
    'reads',
    'begins',
    'has a',
    'begins',
    'has a',
  ]);
  expect(answer).toEqual(integer(4));
});

test('a step that has all it needs costs no promise', async () => {
  const txn = new RedisTxn(await new MemoryKv(new TestClock()).begin(), 1, [0]);
  const spec = commandOf(({ db }) => integer(db.get(A)!.body.length));
  const nobody = {} as SessionState;
  const command = { spec, argv: [A], plan: 1, session: nobody, gateway: {} as GatewayState };
  txn.database(0).preload(A, makeMeta('string', utf8('xyz'), undefined));
  expect(invoke(command, txn, 0)).toEqual(integer(3));
});

test('a step that writes before it has read is a bug', async () => {
  const writesFirst = ({ db }: DataCall): Reply => {
    db.txn.put(metaKey(db.prefix, A), B);
    db.get(B);
    return integer(1);
  };
  await expect(run(writesFirst)).rejects.toThrow('writes before it has read');
});

test('EXEC reads the keys of all its commands at once', async () => {
  const { gateway, kv } = await faultyGateway();
  const client = gateway.connect();
  await client.send(['MSET', 'a', '1', 'b', '2', 'c', '3']);
  const reads: number[] = [];
  kv.beforeBatchGet = (keys) => reads.push(keys);
  await client.send(['MULTI'], ['GET', 'a'], ['INCR', 'b'], ['SELECT', '1'], ['GET', 'c']);
  await client.send(['SELECT', '0'], ['DEL', 'c'], ['GET', 'b']);
  expect(await client.line('EXEC')).toBe(
    '*7\r\n$1\r\n1\r\n:3\r\n+OK\r\n$-1\r\n+OK\r\n:1\r\n$1\r\n3\r\n',
  );
  expect(reads).toEqual([4]);
});
