import { describe, expect, it } from 'vitest';
import { unknownVariable } from './environment.js';
import { schedulerSchema } from './scheduler-settings.js';
import { storeSchema } from './store-settings.js';

describe('variables in the environment', () => {
  it('that no program reads are refused, with the nearest name', () => {
    const env = { TINYKV_RAFTSTORE_REGION_MAXSIZE: '1MB' };
    expect(unknownVariable(env, storeSchema)).toBe(
      'unknown variable TINYKV_RAFTSTORE_REGION_MAXSIZE in the environment; ' +
        'the nearest known one is TINYKV_RAFTSTORE_REGION_MAX_SIZE',
    );
    expect(unknownVariable({ TINYKV_SCHEDULR: 'a:1' }, undefined)).toContain('TINYKV_SCHEDULER');
  });

  it('may be settings of another program, of the tools, or of others altogether', () => {
    const env = {
      TINYKV_SERVER_ADDR: '127.0.0.1:1',
      TINYKV_GATEWAY_ADDR: '127.0.0.1:2',
      TINYKV_SCHEDULER: 'a:1',
      TINYKV_HOME: '/x',
      LOG_LEVEL: 'debug',
      PATH: '/bin',
    };
    expect(unknownVariable(env, schedulerSchema)).toBeUndefined();
  });
});
