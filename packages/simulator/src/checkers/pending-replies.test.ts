import { describe, expect, it } from 'vitest';
import { Deadlines } from './deadlines.js';
import { PendingReplies } from './pending-replies.js';

function connection() {
  const deadlines = new Deadlines(10);
  const replies = new PendingReplies('client-1', 1_000, deadlines);
  const verdicts = (): string[] => deadlines.violations().map(({ oracle }) => oracle);
  return { replies, verdicts };
}

describe('replies of a gateway', () => {
  it('come within the time of a command, clocks that drift allowed for', () => {
    const { replies, verdicts } = connection();
    replies.arrived(replies.sent(1), 500);
    replies.replied(1_610);
    expect(verdicts()).toEqual([]);
    replies.arrived(replies.sent(1), 2_000);
    replies.replied(3_111);
    expect(verdicts()).toEqual(['deadline']);
  });

  it('of commands that were sent at once come one time after another', () => {
    const { replies, verdicts } = connection();
    replies.arrived(replies.sent(2), 0);
    replies.replied(1_000);
    replies.replied(2_200);
    expect(verdicts()).toEqual([]);
    replies.arrived(replies.sent(2), 3_000);
    replies.replied(3_001);
    replies.replied(5_211);
    expect(verdicts()).toEqual(['deadline']);
  });

  it('that never come are late when the connection ends after their time, and not before', () => {
    const { replies, verdicts } = connection();
    replies.arrived(replies.sent(1), 0);
    replies.closed(1_000);
    expect(verdicts()).toEqual([]);
    replies.arrived(replies.sent(1), 2_000);
    replies.closed(4_000);
    expect(verdicts()).toEqual(['deadline']);
  });

  it('are not late when the gateway does not have the command yet, or the client does not read', () => {
    const { replies, verdicts } = connection();
    const first = replies.sent(1);
    replies.replied(9_000);
    replies.arrived(first, 9_000);
    replies.arrived(replies.sent(1), 10_000);
    replies.excuse();
    replies.replied(20_000);
    expect(verdicts()).toEqual([]);
  });
});
