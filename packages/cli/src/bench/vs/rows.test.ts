import { describe, expect, it } from 'vitest';
import { chooseRows, ROWS, rowsOf } from './rows.js';

describe('rows', () => {
  it('each has one peer', () => {
    expect([...rowsOf('etcd'), ...rowsOf('redis')].sort()).toEqual(Object.keys(ROWS).sort());
    expect(rowsOf('redis')).toContain('gw-incr-hot');
    expect(rowsOf('etcd')).toContain('gw-set-vs-etcd');
  });

  it('are all of the peer, or those that are named, in the order of the report', () => {
    expect(chooseRows('redis', undefined)).toEqual(rowsOf('redis'));
    expect(chooseRows('etcd', 'raftlog, raw-put-1,')).toEqual(['raw-put-1', 'raftlog']);
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
