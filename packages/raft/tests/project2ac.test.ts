import { utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { describeReady } from '../src/index.js';
import { describeLog, entry, SeededStorage, SyncNode } from './harness.js';

// The tests of the TinyKV course under their names: the interface to the application.
describe('project 2AC: RawNode', () => {
  it('TestRawNodeStart2AC', () => {
    const node = new SyncNode({ voters: [1] });
    node.campaign();
    node.raw.propose(utf8('foo'));
    // TinyKV's core counts an entry when it is appended, so that one Ready carries and commits it. Here
    // an entry counts when it is durable: one Ready has it written, the next has it applied.
    const carries = node.handleReady();
    expect(describeLog(carries.entries)).toEqual(['1/2 foo']);
    expect(carries.committedEntries).toEqual([]);
    expect(carries.mustSync).toBe(true);
    const commits = node.handleReady();
    expect(commits.entries).toEqual([]);
    expect(describeLog(commits.committedEntries)).toEqual(['1/2 foo']);
    expect(commits.mustSync).toBe(false);
    expect(node.raw.hasReady()).toBe(false);
  });

  it('TestRawNodeRestart2AC', () => {
    const storage = new SeededStorage([1]);
    storage.setHardState({ term: 1, vote: 0, commit: 1 });
    storage.append([entry(1, 1), entry(1, 2, 'foo')]);
    const node = new SyncNode({ storage });
    const ready = node.handleReady();
    // Up to the durable commit index, and nothing that is durable already.
    expect(describeReady(ready)).toBe(
      'Ready MustSync=false:\nCommittedEntries:\n1/1 EntryNormal ""\n',
    );
    expect(node.raw.hasReady()).toBe(false);
    expect(node.raw).toMatchObject({ committed: 1, applied: 1, lastIndex: 2, term: 1 });
  });
});
