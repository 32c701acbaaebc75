import { describe, expect, it } from 'vitest';
import { PEERS } from './row.js';
import { chooseRows, inRunningOrder, ROWS, rowsOf, usualRowsOf } from './rows.js';

describe('rows', () => {
  it('each has one peer', () => {
    expect(PEERS.flatMap(rowsOf).sort()).toEqual(Object.keys(ROWS).sort());
    expect(rowsOf('redis')).toContain('gw-incr-hot');
    expect(rowsOf('etcd')).toContain('gw-set-vs-etcd');
    expect(rowsOf('redis-replicated')).toEqual(['gw-set-wait-50', 'gw-set-wait-1']);
  });

  it('are all of the peer, or those that are named, in the order of the report', () => {
    expect(chooseRows('redis', undefined)).toEqual(rowsOf('redis'));
    expect(chooseRows('etcd', 'raftlog, raw-put-1,')).toEqual(['raw-put-1', 'raftlog']);
  });

  it('of transactions run when they are named, a star standing for anything', () => {
    expect(chooseRows('etcd', undefined)).toEqual(usualRowsOf('etcd'));
    expect(usualRowsOf('etcd')).not.toContain('txn-1pc-64');
    expect(chooseRows('etcd', 'txn-2pc-16*,txn-1pc-1')).toEqual([
      'txn-1pc-1',
      'txn-2pc-16',
      'txn-2pc-16-c10',
      'txn-2pc-16-c50',
    ]);
    expect(chooseRows('etcd', 'txn-.pc-1')).toHaveProperty('problem');
  });

  it('of scans count pairs, and are among the usual ones', () => {
    const names = ['scan', 'scan-keys-only', 'scan-reverse'] as const;
    expect(chooseRows('etcd', 'scan*')).toEqual(names);
    expect(usualRowsOf('etcd')).toEqual(expect.arrayContaining([...names]));
    for (const name of names) expect(ROWS[name]).toMatchObject({ clients: 1, depth: 200_000 });
  });

  it('that split a Region come last', () => {
    expect(inRunningOrder(['txn-2region-1', 'txn-2pc-1', 'txn-1pc-1', 'raw-put-1'])).toEqual([
      'txn-1pc-1',
      'raw-put-1',
      'txn-2region-1',
      'txn-2pc-1',
    ]);
  });

  it('of another peer, unknown or none are refused with the names that there are', () => {
    for (const text of ['raw-put-256,gw-incr', 'nothing', '']) {
      expect(chooseRows('etcd', text)).toEqual({
        problem: expect.stringMatching(/no .*; the rows against etcd are raw-put-256, /),
      });
    }
    expect(chooseRows('etcd', 'raw-put-256,gw-incr')).toEqual({
      problem: expect.stringMatching(/^no such row: gw-incr;/),
    });
  });
});
