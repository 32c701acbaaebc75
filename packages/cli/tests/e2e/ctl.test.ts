import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EMPTY_BYTES, fromHex, toHex, utf8 } from '@tinykv/base';
import { kvrpcpb, tinykvpb } from '@tinykv/proto';
import { EXIT } from '@tinykv/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LiveCluster } from '../scenarios/live-cluster.js';
import { Program, runProgram } from './process.js';

const tinykv = fileURLToPath(new URL('../../../../scripts/tinykv', import.meta.url));
let live: LiveCluster;

beforeAll(async () => {
  const print = (line: string): void => console.log(line);
  const portBase = 30_000;
  live = await LiveCluster.start({ name: 'ctl', stores: 1, gateway: false, portBase, print });
}, 60_000);
afterAll(() => live.stop());

const ctlArgs = (args: readonly string[]): string[] => {
  return ['ctl', '--scheduler', live.cluster.schedulerAddress, ...args];
};
const ctl = (...args: string[]) => runProgram('tinykv', ctlArgs(args));

/** `tinykv ctl txn` with these lines on its standard input. */
async function txn(lines: readonly string[], ...args: string[]) {
  const child = spawn(tinykv, ctlArgs(['txn', ...args]), { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(lines.join('\n'));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

/** Locks keys for a transaction whose client never comes back. */
async function leaveLocks(ttlMs: number, ...keys: string[]): Promise<bigint> {
  const client = await live.client();
  const startVersion = await client.txn.timestamp();
  await client.close();
  const [info] = await live.regions();
  const { id: regionId, epoch: regionEpoch } = info!.region;
  const request = {
    context: { regionId, regionEpoch, peer: info!.leader },
    mutations: keys.map((key) => ({ op: kvrpcpb.Op.Put, key: utf8(key), value: EMPTY_BYTES })),
    primaryLock: utf8(keys[0]!),
    startVersion,
    lockTtl: ttlMs,
  };
  const { kvPrewrite } = tinykvpb.TinyKv;
  const { address } = live.cluster.stores[0]!.spec;
  const bytes = kvPrewrite.request.encode(request);
  const answer = await live.env.net.call(address, kvPrewrite.path, bytes, { timeoutMs: 5_000 });
  expect(kvPrewrite.response.decode(answer)).toMatchObject({ regionError: undefined, errors: [] });
  return startVersion;
}

describe('tinykv ctl', { timeout: 180_000 }, () => {
  it('txn: works on a transaction line by line, mvcc: shows what became of it', async () => {
    const wrote = await txn([
      'begin # a comment',
      'put ctl/a "one and\\x00"',
      'put ctl/b 2',
      'get ctl/a',
      'delete ctl/b',
      'lock ctl/c',
      'scan ctl/ ctl/~',
      'commit',
    ]);
    const [begun, ok, , value, , , pair, count, committed] = wrote.output.split('\n');
    expect(begun).toMatch(/^begun at \d+ \(\d{4}-.*Z\)$/);
    expect([ok, value]).toEqual(['ok', 'one and\\x00']);
    expect([pair, count]).toEqual(['ctl/a = one and\\x00', '1 pairs']);
    expect(committed).toMatch(/^committed at \d+ /);
    expect(wrote.code).toBe(EXIT.ok);

    const shown = await ctl('mvcc', 'ctl/a');
    expect(shown.output).toMatch(/^put +\d+ +\d+ +\S+Z +one and\\x00/m);
    expect(shown.code).toBe(EXIT.ok);
    const json = JSON.parse((await ctl('mvcc', 'ctl/a', '--json')).output);
    expect(json).toMatchObject({ versions: [{ kind: 'put' }], hasMore: false });
    expect(BigInt(json.versions[0].startTs)).toBe(BigInt(/\d+/.exec(begun!)![0]));
    expect(fromHex(json.key)).toEqual(utf8('ctl/a'));
    expect((await ctl('mvcc', 'ctl/none')).code).toBe(EXIT.failure);
  });

  it('txn: a line that fails is the last, and nothing of the transaction is left', async () => {
    const wrong = await txn(['begin', 'put ctl/lost 1', 'put ctl/lost', 'commit']);
    expect(wrong.output).toContain('tinykv: line 3: usage: put KEY VALUE');
    expect(wrong.output).toContain('rolled back, with 1 writes: the input ended without a commit');
    expect(wrong.code).toBe(EXIT.usage);
    expect((await txn(['get ctl/lost'])).output).toContain('no transaction is open: begin one');
    expect((await txn(['frobnicate'])).output).toContain('no such command: frobnicate; there are');
    const pessimistic = ['begin pessimistic', 'lock ctl/lost', 'put ctl/c 3', 'commit'];
    expect((await txn(pessimistic)).output).toMatch(/^begun .*\nok\nok\ncommitted at /);
    expect((await txn(['begin optimistic'])).output).toContain('usage: begin [pessimistic]');
    const again = await txn(['begin', 'get ctl/lost', 'rollback', 'exit', 'begin'], '--json');
    expect(again.output.trim().split('\n').slice(1)).toEqual([
      'null',
      '{"rolledBack":true,"writes":0}',
    ]);
    expect(again.code).toBe(EXIT.ok);
  });

  it('locks: lists them, and clears those of the dead', async () => {
    const dead = await leaveLocks(1, 'ctl/lock/1', 'ctl/lock/2');
    const alive = await leaveLocks(60_000, 'ctl/lock/3');
    const list = await ctl('locks', 'ls', '--prefix', 'ctl/lock/', '--limit', '2');
    expect(list.output).toMatch(
      new RegExp(`^ctl/lock/1 +put +ctl/lock/1 +${dead} .* expired`, 'm'),
    );
    expect(list.output).toContain('there are more: --limit shows them');
    expect((await ctl('mvcc', 'ctl/lock/3')).output).toContain(`locked by ${alive} (put)`);
    expect((await ctl('locks', 'ls', '--min-age', '3600')).output).toBe('no locks\n');

    const conflict = await txn([
      'begin',
      'put ctl/lock/1 mine',
      'commit',
      'begin',
      'get ctl/lock/1',
    ]);
    expect(conflict.output).toMatch(/committed at .*\n.*\nmine/);
    const resolved = await ctl('locks', 'resolve', '--prefix', 'ctl/lock/');
    expect(resolved.output).toMatch(/^cleared [01] locks; 1 are alive, for \d+ ms at most$/m);
    const left = JSON.parse((await ctl('locks', 'ls', '--json')).output);
    expect(left).toMatchObject({ locks: [{ startTs: String(alive) }], hasMore: false });
  });

  it('gc: shows how far it is, sets how long versions are kept, and moves the safe point', async () => {
    const set = await ctl('gc', 'set', '--life-time', '1h', '--run-interval', '1m');
    expect(set.code).toBe(EXIT.ok);
    const before = await ctl('gc', 'show');
    expect(before.output).toBe(set.output);
    expect(before.output).toMatch(/^life time {6}1h$/m);
    expect(before.output).toMatch(/^run interval {3}1m$/m);

    const client = await live.client();
    const start = await client.txn.timestamp();
    await client.close();
    const moved = await ctl('gc', 'set', '--safe-point', String(start), '--json');
    expect(JSON.parse(moved.output)).toMatchObject({ safePoint: String(start) });
    const back = await ctl('gc', 'set', '--safe-point', '1');
    expect(back.output, 'it never goes back').toContain(`safe point     ${start}`);
    expect((await ctl('gc', 'set')).code).toBe(EXIT.usage);
  });

  it.each([
    ['a transaction', []],
    ['the raw API', ['--raw']],
  ])('put, scan, get and delete: work on keys by %s', async (_how, flags) => {
    for (const key of ['verb/1', 'verb/2', 'verb/3']) {
      expect((await ctl('put', key, `value of ${key}`, ...flags)).output).toBe('written\n');
    }
    const scanned = await ctl('scan', '--prefix', 'verb/', '--limit', '2', ...flags);
    expect(scanned.output).toBe(
      'verb/1 = value of verb/1\nverb/2 = value of verb/2\nthere are more: --limit shows them\n',
    );
    const keys = await ctl('scan', 'verb/2', 'verb/9', '--keys', '--reverse', ...flags);
    expect(keys.output).toBe('verb/3\nverb/2\n');
    expect((await ctl('delete', 'verb/1', ...flags)).output).toBe('deleted\n');
    expect(await ctl('get', 'verb/1', ...flags)).toEqual({
      code: EXIT.failure,
      output: 'there is no such key\n',
    });
  });

  it('raw: the commands of keys, by the raw API', async () => {
    expect((await ctl('raw', 'put', 'raw/1', 'one')).output).toBe('written\n');
    expect((await ctl('get', 'raw/1', '--raw')).output).toBe('one\n');
    expect(await ctl('get', 'raw/1')).toMatchObject({ code: EXIT.failure });
    expect((await ctl('raw', 'get', 'raw/1')).output).toBe('one\n');
    expect((await ctl('raw', 'scan', '--prefix', 'raw/')).output).toBe('raw/1 = one\n');
    expect((await ctl('raw', 'delete', 'raw/1')).output).toBe('deleted\n');
    expect(await ctl('raw', 'get', 'raw/1', '--redis')).toMatchObject({ code: EXIT.usage });
  });

  it('scan: shows what a gateway wrote by its type, size and expiry', async () => {
    // A record as gateways write it: 'R' instance 1, database 0, epoch 0, 'm', the slot, tag 0, then the key.
    const key = `52000000010000000000006d000000${toHex(utf8('seen'))}`;
    const expiry = 1_800_000_000_000n.toString(16).padStart(16, '0');
    const record = `a101${expiry}${toHex(utf8('world'))}`;
    expect((await ctl('put', key, record, '--hex')).output).toBe('written\n');
    expect((await ctl('scan', '--prefix', 'R')).output).toBe(
      'redis 0:seen = string of 5 bytes, until 2027-01-15T08:00:00.000Z: world\n',
    );
    expect((await ctl('delete', key, '--hex')).code).toBe(EXIT.ok);
  });

  it.each([
    ['operators', 'list', 'list, history, cancel'],
    ['locks', 'ls', 'ls, resolve'],
    ['gc', 'show', 'show, set'],
  ])('%s: is %s without a verb, and knows its verbs', async (noun, verb, verbs) => {
    const shown = await ctl(noun, verb);
    expect(await ctl(noun)).toEqual({ code: EXIT.ok, output: shown.output });
    expect(await ctl(noun, 'frobnicate')).toEqual({
      code: EXIT.usage,
      output: `tinykv: ${noun}: there is no "frobnicate"; there are ${verbs}\n`,
    });
  });

  it('split, regions, operators: an order is carried out, shown and remembered', async () => {
    const client = await live.client();
    for (let i = 0; i < 4; i++) await client.raw.put(utf8(`split/${i}`), utf8('something'));
    await client.close();
    const [first] = await live.regions();
    const id = String(first!.region.id);
    expect((await ctl('split', id)).output).toBe(`split of Region ${id}: ordered\n`);
    await live.until('the split', 20_000, async () =>
      (await live.regions()).length > 1 ? true : undefined,
    );
    const { output } = await ctl('regions');
    expect(output.match(/^\d+ +\[/gm)!.length).toBeGreaterThan(1);
    // Never an encoded bound: those end with a marker of their own.
    expect(output).not.toMatch(/\\x(00|f[7-f])/);
    const history = await live.until('the end of the operator', 20_000, async () => {
      const shown = await ctl('operators', 'history');
      return shown.output.includes('admin-split') ? shown.output : undefined;
    });
    expect(history).toMatch(
      new RegExp(`^${id} +admin-split-region +success .* split at its middle \\(done\\) `, 'm'),
    );
    expect((await ctl('operators', 'list')).output).toBe('none\n');
    expect(await ctl('operators', 'cancel', id)).toMatchObject({ code: EXIT.failure });
    const refused = await ctl('remove-peer', id, live.cluster.stores[0]!.spec.address);
    expect(refused.output).toContain('it is the only peer');
    expect((await ctl('transfer-leader', id, '99')).output).toContain(
      'there is no store 99; there are',
    );
  });

  it('store offline, online: a store that is not yet a tombstone can be kept', async () => {
    const [{ spec }] = live.cluster.stores as [(typeof live.cluster.stores)[number]];
    const state = async (): Promise<string> => (await ctl('stores')).output;
    expect((await ctl('store', 'online', spec.address)).output).toContain('it was not offline');
    const sent = await ctl('store', 'offline', spec.address);
    expect(sent).toMatchObject({ code: EXIT.ok, output: expect.stringContaining('is offline') });
    expect(await state()).toContain(' Offline ');
    const kept = await ctl('store', 'online', spec.address, '--json');
    expect(JSON.parse(kept.output)).toMatchObject({ state: 'up' });
    expect(await state()).toContain(' Up ');
    expect((await ctl('store', 'online', '99')).output).toContain('there is no store 99');
  });

  it('health, timestamp, --watch: what an operator looks at', async () => {
    expect(await ctl('health')).toMatchObject({
      code: EXIT.ok,
      output: expect.stringMatching(/^healthy: 1 stores are up, \d+ Regions\n$/),
    });
    expect((await ctl('timestamp', '471859200000000000')).output).toBe(
      '471859200000000000 = 2027-01-15T08:00:00.000Z, number 0 of its millisecond\n',
    );
    const watching = new Program('tinykv', ctlArgs(['stores', '--watch', '0.1']));
    await watching.waitFor(/( Up [\s\S]*){3}/);
    watching.child.kill('SIGINT');
    expect(await watching.ended).toBe(EXIT.ok);
  });
});
