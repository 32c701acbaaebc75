import { composeTimestamp } from '@tinykv/base';
import { ManualClock } from '@tinykv/base/testing';
import { describe, expect, test } from 'vitest';
import { TtlClock } from './ttl-clock.js';

const AT = 1_700_000_000_000;

async function observed(): Promise<{ clock: ManualClock; ttl: TtlClock; received: number }> {
  const clock = new ManualClock();
  const ttl = new TtlClock(clock);
  const sentMono = ttl.mono();
  await clock.run(100);
  ttl.observe(composeTimestamp(AT, 7), sentMono);
  return { clock, ttl, received: ttl.mono() };
}

describe('scheduler time that is carried on', () => {
  test('is not known before the first timestamp', () => {
    const ttl = new TtlClock(new ManualClock());
    expect(ttl.lowerAt(0)).toBeUndefined();
    expect(ttl.upperAt(0)).toBeUndefined();
  });

  test('has bounds 5 % apart from each end of the call', async () => {
    const { ttl, received } = await observed();
    expect(ttl.lowerAt(received + 10_000)).toBe(AT + 9_500);
    expect(ttl.upperAt(received + 10_000)).toBe(AT + 1 + 1.05 * 10_100);
  });

  test('has bounds in the past of the timestamp, too', async () => {
    const { ttl, received } = await observed();
    expect(ttl.lowerAt(received - 1_000)).toBe(AT - 1_050);
    expect(ttl.upperAt(received - 1_100)).toBe(AT + 1 - 950);
  });

  test('does not go back for a timestamp that was asked for earlier', async () => {
    const { ttl, received } = await observed();
    ttl.observe(composeTimestamp(AT - 500, 0), received - 100);
    expect(ttl.lowerAt(received)).toBe(AT);
  });
});
