import { InvariantError, TS_MAX } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { tinykvpb } from '@tinykv/proto';
import { describe, expect, it } from 'vitest';
import { UnaryTable } from './unary.js';

const { kvPrewrite } = tinykvpb.TinyKv;
const UNSAYABLE = { onePcCommitTs: TS_MAX + 1n };

function ask(answer: () => typeof UNSAYABLE | Promise<typeof UNSAYABLE>): unknown {
  const table = new UnaryTable(fakeEnv(), 1_000);
  table.serve(kvPrewrite, answer);
  return table.handlers.get(kvPrewrite.path)!(new Uint8Array(0), { address: 'test' });
}

describe('an answer that cannot be encoded', () => {
  it('fails the request that it was given later', async () => {
    const answer = ask(() => Promise.resolve(UNSAYABLE));
    await expect(answer).rejects.toThrow(/^KvPrewrite: the answer cannot be encoded/);
    await expect(answer).rejects.toThrow(InvariantError);
  });

  it('fails the request that it was given at once', () => {
    expect(() => ask(() => UNSAYABLE)).toThrow(InvariantError);
  });
});
