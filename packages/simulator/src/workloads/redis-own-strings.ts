import { limits, type Rng } from '@tinykv/base';
import type { MirrorAnswer } from '../checkers/mirror.js';
import { effectOf, type RedisResult, type RedisSession } from './redis-session.js';
import { RespError } from './resp-socket.js';
import type { WorkloadContext } from './workload.js';

const SMALL_MAX = 300;
const PATCH_MAX = 60;
/** Strings of several records cost time: few seeds have them. */
const LARGE_SHARE = 0.15;
/** How far around the end of a record commands reach. */
const AROUND = 40;

/** A command, the answer that it must have, and the string after it. */
interface Drawn {
  readonly argv: readonly string[];
  readonly expected: string | number | null;
  readonly next: string | undefined;
}

/**
 * A string of each client's own, written and cut at any byte: its writer knows what stands there. Some are longer than
 * one record of the store.
 */
export class RedisOwnStrings {
  readonly answers: MirrorAnswer[] = [];
  readonly #context: WorkloadContext;
  readonly #values = new Map<string, string>();
  /** Counts up when an outcome is unknown: nobody knows then what the string is. */
  readonly #generations = new Map<number, number>();
  readonly #isLarge: boolean;

  constructor(context: WorkloadContext) {
    this.#context = context;
    this.#isLarge = context.rng.fork('large strings').float() < LARGE_SHARE;
  }

  async step(session: RedisSession, rng: Rng, id: number): Promise<void> {
    const generation = this.#generations.get(id) ?? 0;
    const key = `own:${id}:${generation}`;
    const value = this.#values.get(key);
    const isLarge = this.#isLarge && id === 0;
    const { argv, expected, next } = isLarge ? drawLarge(rng, key, value) : draw(rng, key, value);
    const call = this.#context.tick();
    const reply = (await session.send(argv))?.[0];
    if (reply === undefined) return;
    const effect = effectOf(reply);
    if (effect === 'none') return;
    if (effect === 'unknown') {
      this.#generations.set(id, generation + 1);
      return;
    }
    const command = argv.map((word) => word.slice(0, AROUND)).join(' ');
    this.answers.push({ client: id, call, command, answer: answerOf(reply), expected });
    if (next === undefined) this.#values.delete(key);
    else this.#values.set(key, next);
  }
}

function draw(rng: Rng, key: string, value: string | undefined): Drawn {
  const length = value?.length ?? 0;
  const choice = rng.float();
  if (choice < 0.1) {
    const next = patch(rng, SMALL_MAX);
    return { argv: ['SET', key, next], expected: 'OK', next };
  }
  if (choice < 0.15)
    return { argv: ['DEL', key], expected: value === undefined ? 0 : 1, next: undefined };
  if (choice < 0.2) return { argv: ['GETDEL', key], expected: value ?? null, next: undefined };
  if (choice < 0.35) return appended(rng, key, value);
  if (choice < 0.55) return patched(rng, key, value, rng.int(0, length + 20));
  if (choice < 0.65) return { argv: ['STRLEN', key], expected: length, next: value };
  if (choice < 0.85) return part(key, value, rng.int(0, length + 1), rng.int(0, length + 1));
  return { argv: ['GET', key], expected: value ?? null, next: value };
}

/** Around the end of the first record, most of it. */
function drawLarge(rng: Rng, key: string, value: string | undefined): Drawn {
  // A run may have smaller records than the product.
  const chunk = limits.gatewayChunkBytes;
  const at = Math.max(0, chunk + rng.int(-AROUND, AROUND));
  const choice = rng.float();
  if (value === undefined || value.length < chunk - AROUND) return patched(rng, key, value, at);
  if (choice < 0.3) return patched(rng, key, value, at);
  if (choice < 0.5 && value.length < chunk + 10 * AROUND) return appended(rng, key, value);
  if (choice < 0.6) return { argv: ['STRLEN', key], expected: value.length, next: value };
  if (choice < 0.9) return part(key, value, Math.max(0, at - AROUND), at + AROUND);
  if (choice < 0.97) return { argv: ['GET', key], expected: value, next: value };
  return { argv: ['DEL', key], expected: 1, next: undefined };
}

function appended(rng: Rng, key: string, value: string | undefined): Drawn {
  const more = patch(rng, PATCH_MAX);
  const next = `${value ?? ''}${more}`;
  return { argv: ['APPEND', key, more], expected: next.length, next };
}

function patched(rng: Rng, key: string, value = '', offset: number): Drawn {
  const bytes = patch(rng, PATCH_MAX);
  const before = value.slice(0, offset).padEnd(offset, '\0');
  const next = `${before}${bytes}${value.slice(offset + bytes.length)}`;
  return { argv: ['SETRANGE', key, `${offset}`, bytes], expected: next.length, next };
}

function part(key: string, value = '', from: number, to: number): Drawn {
  const next = value === '' ? undefined : value;
  const expected = value.slice(from, to + 1);
  return { argv: ['GETRANGE', key, `${from}`, `${to}`], expected, next };
}

function patch(rng: Rng, max: number): string {
  const letter = String.fromCharCode(97 + rng.int(0, 26));
  return letter.repeat(rng.int(1, max + 1));
}

function answerOf(reply: RedisResult): string | number | null {
  if (reply instanceof RespError || typeof reply === 'object') return null;
  return reply;
}
