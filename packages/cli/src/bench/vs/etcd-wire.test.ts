import { fromHex, toHex, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import {
  decodeRange,
  decodeReadTxn,
  decodeSucceeded,
  encodePut,
  encodePutIfTxn,
  encodePutTxn,
  encodeReadTxn,
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
    expect(toHex(encodePutIfTxn([{ key: utf8('k'), modRevision: 300 }], utf8('v')))).toBe(
      toHex(bytes(`${compare} ${put}`)),
    );
    const read = '12 05 0a 03 0a 01 6b';
    expect(toHex(encodeReadTxn([utf8('k'), utf8('k')]))).toBe(toHex(bytes(`${read} ${read}`)));
    // TxnResponse{header{}, succeeded, responses{range{kvs{mod 300 value "v"}}}, responses{range{}}}
    const found = '1a 0a 0a 08 12 06 18 ac 02 2a 01 76';
    expect(decodeReadTxn(bytes(`0a 00 10 01 ${found} 1a 02 0a 00`))).toEqual([
      { value: utf8('v'), modRevision: 300 },
    ]);
    // TxnResponse{header{}, succeeded}
    expect(decodeSucceeded(bytes('0a 00 10 01'))).toBe(true);
    expect(decodeSucceeded(bytes('0a 00'))).toBe(false);
  });
});
