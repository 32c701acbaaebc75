import type { KvEngine } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { type SchedulerApi, type StoreMeta, storeAddressesKey } from '@tinykv/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordEngine } from '../tests/record-engine.js';
import { AddressBook, decodeAddresses, encodeAddresses } from './address-book.js';

function book(
  stores: readonly StoreMeta[] = [],
  engine = new RecordEngine().engine,
): { readonly book: AddressBook; readonly engine: KvEngine } {
  const scheduler = {
    allStores: async () => stores,
    getStore: async (id: number) => stores.find((store) => store.id === id)!,
  } as unknown as SchedulerApi;
  return { book: AddressBook.load(fakeEnv(), engine, scheduler), engine };
}

describe('AddressBook', () => {
  it('keeps over a restart what the scheduler and the stores said', async () => {
    const first = book([{ id: 2, address: 'a:1', state: 'up', startToken: 5 }]);
    await first.book.refresh();
    first.book.learn({ storeId: 3, address: 'b:1', startToken: 6 });
    await first.book.close();
    const again = book([], first.engine).book;
    expect(again.get(2)).toEqual({ storeId: 2, address: 'a:1', startToken: 5 });
    expect(await again.resolve(3)).toBe('b:1');
  });

  it('asks the scheduler only for a store that it does not know', async () => {
    const { book: known } = book([{ id: 2, address: 'a:1', state: 'up' }]);
    expect(await known.resolve(2)).toBe('a:1');
    known.learn({ storeId: 2, address: 'b:1', startToken: 1 });
    expect(await known.resolve(2)).toBe('b:1');
  });

  it('does not let an old statement of the scheduler undo what the store itself said', async () => {
    const { book: known } = book([{ id: 2, address: 'old:1', state: 'up', startToken: 5 }]);
    known.learn({ storeId: 2, address: 'new:1', startToken: 6 });
    await known.refresh();
    expect(known.get(2)?.address).toBe('new:1');
  });

  it('takes in no address that leads nowhere, whoever names it', async () => {
    const { book: known } = book([{ id: 3, address: 'localhost', state: 'up' }]);
    expect(known.hear({ storeId: 2, address: 'store', startToken: 7 }, 6)).toBe(true);
    expect(known.get(2)).toBeUndefined();
    await expect(known.ask(3)).rejects.toThrow('store 3 has the address "localhost"');
    expect(known.get(3)).toBeUndefined();
    known.learn({ storeId: 2, address: 'a:1', startToken: 7 });
    expect(known.learn({ storeId: 2, address: '', startToken: 8 })).toBe(true);
    expect(known.get(2)).toEqual({ storeId: 2, address: 'a:1', startToken: 7 });
  });

  it('forgets a tombstone', async () => {
    const { book: known } = book([{ id: 2, address: 'a:1', state: 'tombstone' }]);
    known.learn({ storeId: 2, address: 'a:1', startToken: 6 });
    await known.refresh();
    expect(known.get(2)).toBeUndefined();
  });

  it('begins anew when its page is damaged', async () => {
    const { book: known, engine } = book();
    known.learn({ storeId: 2, address: 'a:1', startToken: 6 });
    await known.close();
    const bytes = engine.get(storeAddressesKey)!.slice();
    bytes[3]! ^= 1;
    const batch = engine.batch();
    batch.put(storeAddressesKey, bytes);
    await engine.write(batch, { sync: true });
    expect(book([], engine).book.get(2)).toBeUndefined();
  });

  it('writes what it reads (property)', () => {
    const record = fc.record({
      storeId: fc.maxSafeNat(),
      address: fc.string({ unit: 'grapheme' }),
      startToken: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(fc.array(record), (records) => {
        expect(decodeAddresses(encodeAddresses(records))).toEqual(records);
      }),
    );
  });
});
