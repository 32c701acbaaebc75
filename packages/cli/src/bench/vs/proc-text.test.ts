import { describe, expect, it } from 'vitest';
import {
  parseBusySeconds,
  parseChildren,
  parseCpuSeconds,
  parseMemory,
  parseWriteCalls,
} from './proc-text.js';

describe('/proc', () => {
  it('stat: everything is busy but idling and waiting', () => {
    const text = 'cpu  100 20 300 9999 5000 10 20 50 70 7\ncpu0 1 2 3 4 5 6 7 8 0 0\nintr 1\n';
    expect(parseBusySeconds(text)).toBe(5);
    expect(() => parseBusySeconds('cpu0 1 2 3')).toThrow('all cores');
  });

  it('PID/stat: own time and that of ended children, whatever the name', () => {
    const text =
      '4221 (node (x) 1 2) S 1 2 3 0 -1 4194304 100 200 0 0 150 50 30 20 20 0 11 0 5 6 7';
    expect(parseCpuSeconds(text)).toBe(2.5);
    expect(() => parseCpuSeconds('4221 (node) S')).toThrow('reads');
  });

  it('PID/status: resident memory, its own and mapped', () => {
    const text = 'VmRSS:\t  300 kB\nRssAnon:\t     200 kB\nRssFile:\t     100 kB\n';
    expect(parseMemory(text)).toEqual({ own: 204_800, mapped: 102_400 });
    expect(() => parseMemory('VmRSS:\t 300 kB\n')).toThrow('RssAnon');
  });

  it('PID/io and children', () => {
    expect(parseWriteCalls('rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 42\n')).toBe(42);
    expect(() => parseWriteCalls('rchar: 1\n')).toThrow('write calls');
    expect(parseChildren('12 345 \n')).toEqual([12, 345]);
    expect(parseChildren('')).toEqual([]);
  });
});
