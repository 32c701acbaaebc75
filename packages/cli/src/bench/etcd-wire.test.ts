import { fromHex, toHex, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import {
  decodeRange,
  decodeReadTxn,
  decodeSucceeded,
  encodePut,
  encodeReadTxn,
  encodeWriteTxn,
} from './etcd-wire.js';

const bytes = (hex: string): Uint8Array => fromHex(hex.replaceAll(' ', ''))!;

describe('messages of etcd', () => {
  it('PutRequest', () => {
    expect(toHex(encodePut(utf8('k'), utf8('vv')))).toBe(toHex(bytes('0a 01 6b 12 02 76 76')));
  });

  it('RangeResponse: the first pair with its mod_revision', () => {
    // header{} kvs{key "k" create 5 mod 300 version 2 value "v"} count 1
    const pair = '0a 01 6b 10 05 18 ac 02 20 02 2a 01 76';
    const response = bytes(`0a 00 12 0d ${pair} 20 01`);
    expect(decodeRange(response)).toEqual({ value: utf8('v'), modRevision: 300 });
    expect(decodeRange(bytes('0a 00'))).toBeUndefined();
    // TxnResponse{succeeded, responses{response_range}}
    const txn = bytes(`10 01 1a 15 0a 13 0a 00 12 0d ${pair} 20 01 1a 04 0a 02 0a 00`);
    expect(decodeReadTxn(txn)).toEqual([{ value: utf8('v'), modRevision: 300 }, undefined]);
    expect(decodeSucceeded(txn)).toBe(true);
    expect(decodeSucceeded(bytes('0a 00'))).toBe(false);
  });

  it('TxnRequest', () => {
    expect(toHex(encodeReadTxn([utf8('k')]))).toBe(toHex(bytes('12 05 0a 03 0a 01 6b')));
    const write = encodeWriteTxn([{ key: utf8('k'), value: utf8('v'), modRevision: 300 }]);
    const compare = '0a 08 10 02 1a 01 6b 30 ac 02';
    const put = '12 08 12 06 0a 01 6b 12 01 76';
    expect(toHex(write)).toBe(toHex(bytes(`${compare} ${put}`)));
  });
});
