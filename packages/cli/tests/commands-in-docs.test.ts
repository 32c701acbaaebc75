import { describe, expect, it } from 'vitest';
import { commandsOf, pages } from './docs/code-blocks.js';
import { documentedCommands, HOW_COMMANDS_RUN } from './docs/how-commands-run.js';
import { complaintAbout } from './docs/known-command.js';

describe('commands in README and docs', () => {
  it.each(pages())('%s: each is one that the program takes', (page) => {
    const complaints = commandsOf(page).flatMap((line) => {
      const complaint = complaintAbout(line);
      return complaint === undefined ? [] : [`${line}: ${complaint}`];
    });
    expect(complaints).toEqual([]);
  });

  it('run in a test, or are listed with the reason why not', () => {
    const documented = documentedCommands();
    const unlisted = [...documented].filter((line) => !HOW_COMMANDS_RUN.has(line));
    expect(unlisted, 'add these to docs/how-commands-run.ts').toEqual([]);
    const gone = [...HOW_COMMANDS_RUN.keys()].filter((line) => !documented.has(line));
    expect(gone, 'no page has these any more').toEqual([]);
  });

  it('are found, and a wrong one is refused', () => {
    expect(pages().flatMap(commandsOf).length).toBeGreaterThan(50);
    for (const line of [
      'make chekc',
      'pnpm simm --seeds 1',
      'scripts/tinykv ctl storess',
      'tinykv ctl stores --sheduler a:1',
      'tinykv-server --schedulr 127.0.0.1:2379',
      'scripts/tinkv ctl stores',
    ]) {
      expect(complaintAbout(line), line).toBeDefined();
    }
  });
});
