import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEnv } from './real-env.js';

let folder: string;
let logFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tinykv-env-'));
  logFile = join(folder, 'logs', 'test.log');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function lines(): Promise<Record<string, unknown>[]> {
  const text = await readFile(logFile, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('logger', () => {
  it('writes JSON lines of its level and above, with the fields of its parents', async () => {
    const { logger } = createEnv({ name: 'store', logLevel: 'Info', logFile });
    logger.debug('hidden');
    logger.info('plain');
    logger.child({ region: 7 }).child({ peer: 1 }).warn('nested', { term: 3 });
    logger.error('bad', { error: 'x' });
    expect(await lines()).toMatchObject([
      { level: 'info', name: 'store', msg: 'plain' },
      { level: 'warn', region: 7, peer: 1, term: 3, msg: 'nested' },
      { level: 'error', error: 'x', msg: 'bad' },
    ]);
  });

  it('takes its level from the environment, in any case, unless it is told', async () => {
    vi.stubEnv('LOG_LEVEL', 'ERROR');
    const fromEnvironment = createEnv({ name: 'a', logFile });
    fromEnvironment.logger.warn('hidden');
    fromEnvironment.logger.error('shown');
    createEnv({ name: 'b', logFile, logLevel: 'DEBUG' }).logger.debug('shown');
    expect((await lines()).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(() => createEnv({ name: 'c', logLevel: 'loud' })).toThrow(/unknown log level loud/);
  });

  it('does not lose the last line before an exit', () => {
    const script = `
      import { createLogger } from '${import.meta.dirname}/logger.ts';
      const logger = createLogger({ name: 'x', logLevel: 'info', logFile: '${logFile}' });
      for (let i = 0; i < 1000; i++) logger.info('line ' + i);
      process.exit(3);`;
    const tsx = join(import.meta.dirname, '../../../node_modules/.bin/tsx');
    expect(() =>
      execFileSync(tsx, ['--conditions=@tinykv/source', '--input-type=module', '-e', script]),
    ).toThrow(expect.objectContaining({ status: 3 }));
    return expect(lines()).resolves.toHaveLength(1_000);
  });
});

describe('metrics', () => {
  it('renders what was counted, each env apart', async () => {
    const { metrics } = createEnv({ name: 'a', logFile });
    const get = metrics.counter('requests_total', 'Requests.', { type: 'get' });
    get.add();
    metrics.counter('requests_total', 'Requests.', { type: 'get' }).add(2);
    metrics.counter('requests_total', 'Requests.', { type: 'put' }).add();
    metrics.gauge('regions', 'Regions.').set(5);
    metrics.histogram('wait_seconds', 'Waits.', { stage: 'log' }, [0.1, 1]).observe(0.5);
    expect(metrics.counter('requests_total', 'Requests.', { type: 'get' })).toBe(get);
    const text = await metrics.render();
    expect(text).toContain('# HELP requests_total Requests.');
    expect(text).toContain('requests_total{type="get"} 3');
    expect(text).toContain('requests_total{type="put"} 1');
    expect(text).toContain('regions 5');
    expect(text).toContain('wait_seconds_bucket{le="1",stage="log"} 1');
    expect(text).toContain('wait_seconds_sum{stage="log"} 0.5');
    const other = createEnv({ name: 'b', logFile, processMetrics: true });
    const otherText = await other.metrics.render();
    expect(otherText).not.toContain('requests_total{');
    expect(otherText).toContain('process_resident_memory_bytes');
  });
});

describe('clock and rng', () => {
  it('move on, defer and cancel', async () => {
    const { clock, rng } = createEnv({ name: 'a', logFile });
    const order: string[] = [];
    const start = clock.mono();
    await new Promise<void>((resolve) => {
      clock.after(5, () => order.push('cancelled')).cancel();
      clock.after(10, resolve);
      clock.defer(() => order.push('deferred'));
      queueMicrotask(() => order.push('microtask'));
    });
    expect(order).toEqual(['microtask', 'deferred']);
    expect(clock.mono() - start).toBeGreaterThan(8);
    expect(Math.abs(clock.wall() - Date.now())).toBeLessThan(1_000);
    expect(rng.bytes(16)).not.toEqual(createEnv({ name: 'b', logFile }).rng.bytes(16));
  });
});
