import type { Rng } from '@tinykv/base';
import type { ScanRead } from '../checkers/scans.js';
import { effectOf, type RedisResult, type RedisSession } from './redis-session.js';
import type { WorkloadContext } from './workload.js';

const PREFIX = 'keep:';
const KEYS_MAX = 40;
/** Calls of one iteration; one that takes more is given up. */
const CALLS_MAX = 60;
const SCAN_SHARE = 0.4;

/** Keys that are put once and stay, and iterations over all keys, among which these must be. */
export class RedisScans {
  readonly scans: ScanRead[] = [];
  readonly #context: WorkloadContext;
  readonly #present: string[] = [];
  #keys = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  async step(session: RedisSession, rng: Rng, client: number): Promise<void> {
    if (rng.float() < SCAN_SHARE) await this.#scan(session, rng, client);
    else if (this.#keys < KEYS_MAX) await this.#put(session);
  }

  async #put(session: RedisSession): Promise<void> {
    const key = `${PREFIX}${++this.#keys}`;
    const reply = (await session.send(['SET', key, 'x']))?.[0];
    if (reply !== undefined && effectOf(reply) === 'done') this.#present.push(key);
  }

  async #scan(session: RedisSession, rng: Rng, client: number): Promise<void> {
    const call = this.#context.tick();
    const present = [...this.#present];
    const found = new Set<string>();
    const count = String(rng.int(5, 40));
    let cursor = '0';
    for (let calls = 0; calls < CALLS_MAX; calls++) {
      const page = pageOf(await session.send(['SCAN', cursor, 'COUNT', count]));
      if (page === undefined) return;
      for (const key of page.keys) found.add(key);
      cursor = page.next;
      if (cursor !== '0') continue;
      this.scans.push({ client, call, present, found });
      return;
    }
  }
}

/** Undefined: there was no answer. */
function pageOf(
  replies: readonly RedisResult[] | undefined,
): { readonly next: string; readonly keys: readonly string[] } | undefined {
  const reply = replies?.[0];
  if (!Array.isArray(reply)) return undefined;
  const [next, keys] = reply as readonly unknown[];
  return { next: String(next), keys: keys as readonly string[] };
}
