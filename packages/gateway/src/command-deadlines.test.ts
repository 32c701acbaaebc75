import { ManualClock } from '@tinykv/base/testing';
import { describe, expect, test } from 'vitest';
import { type Bounded, CommandDeadlines } from './command-deadlines.js';

class Command implements Bounded {
  isOver = false;
  expiredAt: number | undefined;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  expire(): void {
    this.isOver = true;
    this.expiredAt = this.#clock.mono();
  }
}

describe('deadlines of commands', () => {
  test('each command expires when its own time is over, unless it is over before', async () => {
    const clock = new ManualClock({ mono: 0 });
    const deadlines = new CommandDeadlines(clock, 100);
    const commands = Array.from({ length: 5 }, () => new Command(clock));
    for (const command of commands) {
      deadlines.add(command);
      await clock.run(30);
    }
    // At 150: the first two are late.
    commands[2]!.isOver = true;
    await clock.run(1_000);
    expect(commands.map(({ expiredAt }) => expiredAt)).toEqual([100, 130, undefined, 190, 220]);
    expect(deadlines.size).toBe(0);
  });

  test('what is over is forgotten while commands go on to come', async () => {
    const clock = new ManualClock({ mono: 0 });
    const deadlines = new CommandDeadlines(clock, 100);
    for (let i = 0; i < 10_000; i++) {
      const command = new Command(clock);
      deadlines.add(command);
      command.isOver = true;
    }
    expect(deadlines.size).toBe(1);
    const last = new Command(clock);
    await clock.run(60);
    deadlines.add(last);
    await clock.run(1_000);
    expect(last.expiredAt).toBe(160);
  });

  test('nothing expires once it is closed', async () => {
    const clock = new ManualClock({ mono: 0 });
    const deadlines = new CommandDeadlines(clock, 100);
    const command = new Command(clock);
    deadlines.add(command);
    deadlines.close();
    await clock.run(1_000);
    expect(command.expiredAt).toBeUndefined();
  });
});
