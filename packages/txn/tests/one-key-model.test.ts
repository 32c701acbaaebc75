/** Random writes of one key, with retries, transactions and snapshots between them, against lists of versions. */
import { fromUtf8, Prng, type Timestamp, TS_MAX, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { runs } from '@tinykv/base/testing/fuzz';
import type { WriteCondition } from '@tinykv/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { OneKeyOutcome, OneKeyWrite } from '../src/index.js';
import { type FakeStore, fakeStore, key, STRICT, served } from './fake-store.js';

interface Version {
  readonly commitTs: Timestamp;
  readonly value: string | undefined;
}

const KEYS = ['a', 'b', 'c'];
const STEPS = 60;

function pick<T>(rng: Prng, from: readonly T[]): T {
  return from[rng.int(0, from.length)]!;
}

function chance(rng: Prng, share: number): boolean {
  return rng.float() < share;
}

class Run {
  readonly #rng: Prng;
  #granted: Timestamp = 1_000n;
  readonly #store: FakeStore;
  readonly #versions = new Map<string, Version[]>(KEYS.map((name) => [name, []]));
  /** What snapshots have shown, and must show for ever. */
  readonly #seen: { readonly name: string; readonly ts: Timestamp; readonly value: string }[] = [];
  readonly #done: { readonly write: OneKeyWrite; readonly commitTs: Timestamp }[] = [];
  /** Timestamps that gateways have fetched and not used yet. */
  readonly #fetched: Timestamp[] = [];

  constructor(seed: number) {
    this.#rng = new Prng(seed);
    this.#store = fakeStore(fakeEnv(), async () => this.#grant());
  }

  #grant(): Timestamp {
    this.#granted += BigInt(this.#rng.int(1, 4));
    return this.#granted;
  }

  async run(): Promise<void> {
    await this.#write([this.#random('a', this.#grant())]);
    await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < STEPS; i++) await this.#step();
    for (const { name, ts, value } of this.#seen) expect(await this.#read(name, ts)).toBe(value);
  }

  #step(): Promise<void> {
    const rng = this.#rng;
    switch (rng.int(0, 6)) {
      case 0:
        this.#fetched.push(this.#grant());
        return Promise.resolve();
      case 1:
        return this.#snapshot();
      case 2:
        return this.#again();
      case 3:
        return this.#transaction();
      default: {
        const batch = new Map<string, OneKeyWrite>();
        for (let n = rng.int(1, 4); n > 0; n--) {
          const name = pick(rng, KEYS);
          const ts = chance(rng, 0.3) ? (this.#fetched.shift() ?? this.#grant()) : this.#grant();
          batch.set(`${name}/${ts}`, this.#random(name, ts));
        }
        return this.#write([...batch.values()]);
      }
    }
  }

  #random(name: string, ts: Timestamp): OneKeyWrite {
    const rng = this.#rng;
    const value = `${rng.int(0, 2)}:${rng.int(0, 1_000)}`;
    const change = chance(rng, 0.2)
      ? ({ kind: 'delete' } as const)
      : ({ kind: 'put', value: utf8(value) } as const);
    return { key: key(name), ts, change, condition: this.#condition(name), companions: [] };
  }

  #condition(name: string): WriteCondition {
    const rng = this.#rng;
    const newest = this.#versions.get(name)!.at(-1)?.commitTs ?? 0n;
    switch (rng.int(0, 4)) {
      case 0:
        return { type: 'absent' };
      case 1:
        return { type: 'version', version: chance(rng, 0.7) ? newest : newest - 1n };
      case 2:
        return { type: 'head', heads: [utf8('0:'), utf8('1:')], orAbsent: chance(rng, 0.5) };
      default:
        return { type: 'always' };
    }
  }

  async #write(writes: readonly OneKeyWrite[]): Promise<void> {
    const request = { writes, waitForLatches: true };
    const outcomes = await served(this.#store.txn.oneKey.write(STRICT, request));
    const present = new Map(KEYS.map((name) => [name, this.#versions.get(name)!.at(-1)]));
    const inBatch = new Set<string>();
    for (const [i, write] of writes.entries()) {
      const name = fromUtf8(write.key);
      const outcome = outcomes[i]!;
      const before = present.get(name);
      if (outcome.type === 'unready') {
        // To delete nothing makes no version, and so nobody has to wait for it.
        if (write.change.kind === 'put' || before?.value !== undefined) inBatch.add(name);
        continue;
      }
      if (inBatch.has(name) && write.condition.type !== 'always') {
        expect(outcome).toEqual({ type: 'latched' });
        continue;
      }
      const holds = this.#holds(write.condition, before);
      expect(outcome.type).toBe(holds ? 'written' : 'refused');
      if (outcome.type === 'refused') this.#checkRefused(outcome, before);
      if (outcome.type !== 'written') continue;
      const value = write.change.kind === 'put' ? fromUtf8(write.change.value) : undefined;
      // To delete nothing makes no version.
      if (value !== undefined || before?.value !== undefined) inBatch.add(name);
      present.set(name, { commitTs: outcome.commitTs ?? before?.commitTs ?? 0n, value });
      if (outcome.commitTs === undefined) continue;
      const { commitTs } = outcome;
      const versions = this.#versions.get(name)!;
      expect(commitTs).toBeGreaterThan(versions.at(-1)?.commitTs ?? 0n);
      expect(commitTs).toBeGreaterThan(write.ts);
      expect(commitTs).toBeLessThanOrEqual(this.#granted + 1n);
      versions.push({ commitTs, value });
      this.#done.push({ write, commitTs });
    }
    for (const name of KEYS) {
      expect(await this.#read(name, TS_MAX)).toBe(this.#versions.get(name)!.at(-1)?.value);
    }
  }

  #holds(condition: WriteCondition, before: Version | undefined): boolean {
    const value = before?.value;
    switch (condition.type) {
      case 'always':
        return true;
      case 'absent':
        return value === undefined;
      case 'version':
        return (before?.commitTs ?? 0n) === condition.version;
      case 'head':
        if (value === undefined) return condition.orAbsent;
        return condition.heads.some((head) => value.startsWith(fromUtf8(head)));
    }
  }

  #checkRefused(
    outcome: Extract<OneKeyOutcome, { type: 'refused' }>,
    before: Version | undefined,
  ): void {
    const { value } = outcome;
    expect(value === undefined ? undefined : fromUtf8(value)).toBe(before?.value);
  }

  /** A write that was done is asked for once more: nothing happens, and the answer is the same. */
  async #again(): Promise<void> {
    if (this.#done.length === 0) return;
    const { write, commitTs } = pick(this.#rng, this.#done);
    const request = { writes: [write], waitForLatches: true };
    const outcomes = await served(this.#store.txn.oneKey.write(STRICT, request));
    expect(outcomes).toEqual([{ type: 'written', commitTs }]);
  }

  async #snapshot(): Promise<void> {
    const name = pick(this.#rng, KEYS);
    const ts = chance(this.#rng, 0.5)
      ? this.#grant()
      : this.#granted - BigInt(this.#rng.int(0, 20));
    const value = await this.#read(name, ts);
    const visible = this.#versions.get(name)!.filter(({ commitTs }) => commitTs <= ts);
    expect(value).toBe(visible.at(-1)?.value);
    this.#seen.push({ name, ts, value: value as string });
  }

  async #transaction(): Promise<void> {
    const name = pick(this.#rng, KEYS);
    const startTs = this.#grant();
    const value = `t:${startTs}`;
    const mutations = [{ kind: 'put', key: key(name), value: utf8(value) } as const];
    const prewrite = { mutations, primary: key(name), startTs, ttlMs: 3_000 };
    const { errors } = await served(this.#store.txn.writes.prewrite(STRICT, prewrite));
    if (errors.length > 0) return;
    const meanwhile = this.#random(name, this.#grant());
    const request = {
      writes: [{ ...meanwhile, condition: { type: 'always' } as const }],
      waitForLatches: true,
    };
    const [blocked] = await served(this.#store.txn.oneKey.write(STRICT, request));
    expect(blocked).toMatchObject({ type: 'error', error: { type: 'locked' } });
    const commitTs = this.#grant();
    const commit = { keys: [key(name)], startTs, commitTs };
    expect(await served(this.#store.txn.writes.commit(STRICT, commit))).toBeUndefined();
    this.#versions.get(name)!.push({ commitTs, value });
  }

  async #read(name: string, ts: Timestamp): Promise<string | undefined> {
    const answer = await served(this.#store.txn.reads.get(STRICT, key(name), ts));
    if (answer.type === 'value') return fromUtf8(answer.value);
    expect(answer.type).toBe('not-found');
    return undefined;
  }
}

it('random writes of one key leave what lists of versions say', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 31 }), (seed) => new Run(seed).run()),
    runs(100),
  );
});
