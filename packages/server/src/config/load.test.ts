import { describe, expect, it } from 'vitest';
import { readCommandLine, rewriteSingleDash } from './command-line.js';
import { ConfigError, loadSettings, sampleConfig } from './load.js';
import { nearestName } from './nearest.js';
import { schedulerSchema, validateSchedulerSettings } from './scheduler-settings.js';
import { envName, settingsOf } from './setting.js';
import { storeSchema, validateStoreSettings } from './store-settings.js';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.js';

const none = { env: {}, flags: new Map<string, string>() };
const file = (text: string) => ({ name: 'store.toml', text });
const program = {
  name: 'tinykv-server',
  description: 'A store.',
  schema: storeSchema,
  validate: validateStoreSettings,
  examples: ['tinykv-server --addr 127.0.0.1:20160'],
};

describe('units', () => {
  it.each([
    ['96MB', 100_663_296],
    ['1GB', 2 ** 30],
    ['64KiB', 65_536],
    ['1.5KB', 1536],
    ['512', 512],
  ])('size %s', (text, bytes) => {
    expect(parseSize(text)).toEqual({ ok: true, value: bytes });
  });

  it.each([
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['250ms', 250],
    ['1h', 3_600_000],
  ])('duration %s', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: ms });
  });

  it('refuses what is neither', () => {
    for (const text of ['', '-1MB', '10 parsecs', '1e9TB']) expect(parseSize(text).ok).toBe(false);
    for (const text of ['', '10', '10 s', '-1s']) expect(parseDuration(text).ok).toBe(false);
  });

  it('prints what it reads', () => {
    expect([formatSize(100_663_296), formatSize(1000)]).toEqual(['96MB', '1000B']);
    expect([formatDuration(90_000), formatDuration(0)]).toEqual(['90s', '0ms']);
  });
});

describe('settings', () => {
  it('a flag wins over the environment, that over the file, that over the default', () => {
    const text = '[server]\naddr = "127.0.0.1:1"\nstatus-addr = ""\n[log]\nlevel = "warn"';
    const loaded = loadSettings(storeSchema, {
      file: file(text),
      env: { TINYKV_SERVER_ADDR: '127.0.0.1:2', LOG_LEVEL: 'debug' },
      flags: new Map([['addr', '127.0.0.1:3']]),
    });
    expect(loaded.values.addr).toBe('127.0.0.1:3');
    expect(loaded.values.logLevel).toBe('debug');
    expect(loaded.values.statusAddr).toBe('');
    expect(loaded.origins).toMatchObject({
      addr: 'flag',
      logLevel: 'env',
      statusAddr: 'file',
      path: 'default',
    });
  });

  it('names the nearest known key', () => {
    const load = () =>
      loadSettings(storeSchema, { ...none, file: file('[raftstore]\nregion-max-szie = "1MB"') });
    expect(load).toThrow(
      'store.toml: unknown key raftstore.region-max-szie; the nearest known one is raftstore.region-max-size',
    );
  });

  it.each([
    ['[raftstore]\nregion-max-size = "big"', 'raftstore.region-max-size: "big" is not a size'],
    ['[raftstore]\nelection-ticks = "10"', '"10" is in quotes'],
    ['[server]\naddr = "nowhere"', '"nowhere" is not an address'],
    ['[server]\nscheduler = [1]', 'must hold strings'],
    ['[log]\nlevel = "loud"', 'not a log level'],
    ['[raftstore]\ntick-interval = "0s"', 'must be above zero'],
    ['[server', 'store.toml:'],
  ])('refuses %j', (text, message) => {
    expect(() => loadSettings(storeSchema, { ...none, file: file(text) })).toThrow(message);
  });

  it('checks settings against each other', () => {
    const { values } = loadSettings(storeSchema, none);
    validateStoreSettings(values);
    expect(() => validateStoreSettings({ ...values, raftElectionTicks: 2 })).toThrow(ConfigError);
    expect(() => validateStoreSettings({ ...values, regionMaxSize: 1 })).toThrow(ConfigError);
    expect(() => validateStoreSettings({ ...values, addr: '0.0.0.0:1' })).toThrow('advertise-addr');
    const scheduler = loadSettings(schedulerSchema, none).values;
    validateSchedulerSettings(scheduler);
    const everywhere = { ...scheduler, clientUrls: ['http://0.0.0.0:2379'] };
    expect(() => validateSchedulerSettings(everywhere)).toThrow(ConfigError);
  });

  it('keys, flags and names in the environment are each given once', () => {
    for (const schema of [storeSchema, schedulerSchema]) {
      const settings = settingsOf<unknown>(schema as never).map(([, setting]) => setting);
      for (const names of [
        settings.map((setting) => setting.key),
        settings.flatMap((setting) => setting.flags),
        settings.map(envName),
      ]) {
        expect(new Set(names).size).toBe(names.length);
      }
    }
  });

  it('the sample file, with its comments removed, is the defaults', () => {
    const sample = sampleConfig(storeSchema);
    const text = sample.replace(/^# ([\w-]+ = )/gm, '$1');
    const loaded = loadSettings(storeSchema, { ...none, file: file(text) });
    expect(loaded.values).toEqual(loadSettings(storeSchema, none).values);
    expect(sample).toContain('# region-max-size = "384MB"');
  });

  it('nearest name', () => {
    expect(nearestName('adr', ['path', 'addr'])).toBe('addr');
    expect(nearestName('x', [])).toBeUndefined();
  });
});

describe('command line', () => {
  it('gives a known name after a single dash its second one', () => {
    const names = new Set(['addr', 'path']);
    const argv = ['-addr', 'x', '-path=y', '-V', '-unknown', '--', '-addr'];
    expect(rewriteSingleDash(argv, names)).toEqual([
      '--addr',
      'x',
      '--path=y',
      '-V',
      '-unknown',
      '--',
      '-addr',
    ]);
  });

  it("takes TinyKV's flags", () => {
    const argv = ['-scheduler', '127.0.0.1:1,127.0.0.1:2', '-addr=127.0.0.1:3', '-raft=false'];
    const invocation = readCommandLine(program, [...argv, '-loglevel', 'warn'], {});
    expect(invocation).toMatchObject({
      type: 'run',
      loaded: {
        values: {
          scheduler: ['127.0.0.1:1', '127.0.0.1:2'],
          addr: '127.0.0.1:3',
          raft: false,
          logLevel: 'warn',
        },
      },
    });
  });

  it.each([
    [['--nope'], 2, /unknown option '--nope'/],
    [['surplus'], 2, /too many arguments/],
    [['--addr', 'nowhere'], 2, /--addr: "nowhere" is not an address/],
    [['--config', '/does/not/exist'], 2, /--config: ENOENT/],
  ])('%j is a usage error', (argv, code, err) => {
    expect(readCommandLine(program, argv, {})).toMatchObject({ type: 'exit', code });
    expect((readCommandLine(program, argv, {}) as { err: string }).err).toMatch(err);
  });

  it('help shows defaults, the environment, examples and exit codes', () => {
    const help = readCommandLine(program, ['--help'], {}) as { code: number; out: string };
    expect(help.code).toBe(0);
    for (const text of ['default: 384MB', 'TINYKV_SERVER_ADDR', 'Examples:', 'Exit codes'])
      expect(help.out).toContain(text);
  });

  it('-V, --config-check and --print-sample-config print and leave', () => {
    for (const flag of ['-V', '--version', '--config-check', '--print-sample-config']) {
      expect(readCommandLine(program, [flag], {})).toMatchObject({ type: 'exit', code: 0 });
    }
    const bad = readCommandLine(program, ['--config-check', '--region-max-size', '1B'], {});
    expect(bad).toMatchObject({ type: 'exit', code: 2 });
  });
});
