import { utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../../tests/fake-cluster.js';
import { Client } from '../client.js';
import { bytesCodec, type Codec, jsonCodec, utf8Codec } from './codec.js';
import type { TypedClient } from './typed-client.js';

interface Account {
  readonly owner: string;
  readonly balance: number;
}

let cluster: FakeCluster;
let client: Client;
let accounts: TypedClient<string, Account>;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise);
const account = (owner: string, balance = 10): Account => ({ owner, balance });

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
  accounts = client.withCodecs({ key: utf8Codec, value: jsonCodec<Account>() });
});

describe('a client with codecs', () => {
  it('has transactions of its types', async () => {
    const result = await run(
      accounts.txn(async (t) => {
        t.put('a', account('Ann'));
        t.put('b', account('Bob'));
        t.put('c', account('Cy'));
        const savepoint = t.savepoint();
        t.delete('b');
        expect(await t.get('b')).toBeUndefined();
        t.rollbackTo(savepoint);
        await t.lockKeys('d');
        expect(await t.getForUpdate('a')).toEqual(account('Ann'));
        expect(await t.getForUpdate('x')).toBeUndefined();
        return t.batchGet(['b', 'x', 'a']);
      }),
    );
    expect(result).toEqual([account('Bob'), undefined, account('Ann')]);
    expect(await run(accounts.txn.snapshotGet('a'))).toEqual(account('Ann'));
    expect(await run(accounts.txn.snapshotGet('x'))).toBeUndefined();
    const stored = await run(client.txn.snapshotGet(utf8('a')));
    expect(stored).toEqual(utf8('{"owner":"Ann","balance":10}'));

    const snapshot = await run(accounts.snapshot());
    const options = { start: 'b', end: 'd', reverse: true };
    expect(await run(snapshot.scan(options))).toEqual([
      { key: 'c', value: account('Cy') },
      { key: 'b', value: account('Bob') },
    ]);
    expect(await run(snapshot.keys({ limit: 2 }))).toEqual(['a', 'b']);
    expect(snapshot.ts).toBeGreaterThan(0n);
  });

  it('begins, commits and rolls back by itself, too', async () => {
    const txn = await run(accounts.txn.begin());
    txn.put('a', account('Ann'));
    expect(await run(txn.commit())).toBeGreaterThan(txn.startTs);
    expect(txn.state).toBe('committed');
    const use = async (): Promise<string> => {
      await using other = await accounts.txn.begin();
      other.put('a', account('Eve'));
      await other.rollback();
      return other.state;
    };
    expect(await run(use())).toBe('rolled-back');
    expect(await run(accounts.txn.snapshotGet('a'))).toEqual(account('Ann'));
  });

  it('has raw keys of its types', async () => {
    await run(accounts.raw.put('a', account('Ann')));
    await run(accounts.raw.batchPut([{ key: 'b', value: account('Bob') }]));
    expect(await run(accounts.raw.get('a'))).toEqual(account('Ann'));
    await run(accounts.raw.delete('a', { timeoutMs: 1_000 }));
    expect(await run(accounts.raw.batchGet(['a', 'b']))).toEqual([undefined, account('Bob')]);
    expect(await run(accounts.raw.keys({ start: 'a' }))).toEqual(['b']);
    expect(await run(accounts.raw.keys({ cf: 'lock' }))).toEqual([]);
  });

  it('takes codecs of anyone, and throws what they throw', async () => {
    const numbers: Codec<number> = {
      encode: (n) => Uint8Array.of(n >> 8, n),
      decode: ([high = 0, low = 0]) => high * 256 + low,
    };
    const byNumber = client.withCodecs({ key: numbers, value: bytesCodec });
    await run(byNumber.raw.put(256, utf8('x')));
    await run(byNumber.raw.put(9, utf8('y')));
    expect(await run(byNumber.raw.keys({}))).toEqual([9, 256]);
    await run(client.raw.put(utf8('z'), utf8('no JSON')));
    await expect(run(accounts.raw.get('z'))).rejects.toThrow(SyntaxError);
    const anything = client.withCodecs({ key: utf8Codec, value: jsonCodec<unknown>() });
    await expect(run(anything.raw.put('z', undefined))).rejects.toThrow(/no JSON/);
  });
});
