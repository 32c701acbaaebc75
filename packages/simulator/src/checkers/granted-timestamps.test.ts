import { describe, expect, it } from 'vitest';
import { GrantedTimestamps } from './granted-timestamps.js';

const version = (commitTs: bigint) => ({ key: '6b', by: 4n, startTs: 4n, commitTs });

describe('commit timestamps against what was granted', () => {
  it('pass up to the next one', () => {
    const granted = new GrantedTimestamps();
    granted.onGranted(10n);
    granted.onGranted(7n);
    granted.onVersion(version(5n));
    granted.onVersion(version(11n));
    expect(granted.violations()).toEqual([]);
    expect(granted.compared).toBe(2);
  });

  it('are convicted beyond that', () => {
    const granted = new GrantedTimestamps();
    granted.onGranted(10n);
    granted.onVersion(version(12n));
    expect(granted.violations()).toMatchObject([{ oracle: 'granted' }]);
  });
});
