import { fromHex, toHex, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import {
  decodeRange,
  decodeSucceeded,
  encodePut,
  encodePutIfTxn,
  encodePutTxn,
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
  });

  it('TxnRequest and TxnResponse', () => {
    const put = '12 08 12 06 0a 01 6b 12 01 76';
    expect(toHex(encodePutTxn([utf8('k'), utf8('k')], utf8('v')))).toBe(
      toHex(bytes(`${put} ${put}`)),
    );
    const compare = '0a 08 10 02 1a 01 6b 30 ac 02';
    expect(toHex(encodePutIfTxn(utf8('k'), utf8('v'), 300))).toBe(
      toHex(bytes(`${compare} ${put}`)),
    );
    // TxnResponse{header{}, succeeded}
    expect(decodeSucceeded(bytes('0a 00 10 01'))).toBe(true);
    expect(decodeSucceeded(bytes('0a 00'))).toBe(false);
  });
});
