import { fromHex, toHex, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import {
  decodeRange,
  decodeRangePage,
  decodeReadTxn,
  decodeSucceeded,
  encodePut,
  encodePutIfTxn,
  encodePutTxn,
  encodeRangePage,
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

  it('RangeRequest and RangeResponse of a page', () => {
    const page = { start: utf8('a'), end: utf8('b'), limit: 10, revision: 300 };
    const up = encodeRangePage({ ...page, keyOnly: false, reverse: false });
    expect(toHex(up)).toBe(toHex(bytes('0a 01 61 12 01 62 18 0a 20 ac 02')));
    const down = encodeRangePage({ ...page, keyOnly: true, reverse: true });
    expect(toHex(down)).toBe(toHex(bytes('0a 01 61 12 01 62 18 0a 20 ac 02 28 02 40 01')));
    // header{cluster_id 2^63 revision 300} kvs{key "k" mod 300 value "v"} kvs{key "l"} more count 9
    const header = '0a 0e 08 80 80 80 80 80 80 80 80 80 01 18 ac 02';
    const pairs = '12 09 0a 01 6b 18 ac 02 2a 01 76 12 03 0a 01 6c';
    expect(decodeRangePage(bytes(`${header} ${pairs} 18 01 20 09`))).toEqual({
      revision: 300,
      pairs: [
        { key: utf8('k'), value: utf8('v') },
        { key: utf8('l'), value: new Uint8Array(0) },
      ],
      more: true,
    });
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
