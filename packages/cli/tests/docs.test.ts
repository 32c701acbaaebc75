import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT } from '@tinykv/server';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The scenarios of docs/internals/waiting-tests.md: each is a test, or waits there. */
const named = [
  'commit_only_current_term',
  'heartbeat_commit_capped_at_match',
  'stale_term_messages_ignored',
  'append_ack_aba_async_persist',
  'vote_and_term_durable_before_send',
  'prevote_checkquorum_no_livelock',
  'partitioned_leader_steps_down',
  'transfer_leader_abort_and_lease',
  'read_index_before_first_commit_of_term',
  'read_index_stale_response_after_pause',
  'lease_read_pause_between_check_and_read',
  'lease_clock_rate_skew',
  'follower_lost_synced_log',
  'snapshot_older_than_applied_ignored',
  'log_gc_vs_lagging_follower',
  'uncommitted_tail_bounded',
  'conf_change_one_at_a_time_and_before_campaign',
  'learner_promote_even_quorum',
  'joint_consensus_crash_each_step',
  'remove_leader_self',
  'removed_peer_cannot_disrupt_and_is_collected',
  'create_peer_twice_split_vs_message',
  'split_with_overlapping_snapshot',
  'split_crash_atomic',
  'stale_epoch_rejected_everywhere',
  'snapshot_file_integrity',
  'apply_index_atomic_with_data',
  'destroyed_peer_reads_fail',
  'tso_monotonic_over_leader_change',
  'tso_two_leaders_pause',
  'tso_clock_backwards_or_far_ahead',
  'scheduler_operator_vs_stale_heartbeat',
  'late_prewrite_after_rollback',
  'resolve_lock_races_commit',
  'commit_retry_idempotent_and_unknown',
  'stale_pessimistic_lock_request_after_commit',
  'async_commit_max_ts_over_leader_change',
  'gc_safe_point_vs_long_txn',
  'gateway_retry_never_doubles',
  'multi_lua_atomic_over_regions',
];

const TITLE = /(?:describe|it|test)\(\s*['"`](\w+)/g;

/** Titles of all tests, with the names that stand at their beginning. */
function testTitles(): Set<string> {
  const titles = new Set<string>();
  const folders = readdirSync(join(root, 'packages')).flatMap((name) =>
    ['src', 'tests'].map((folder) => `packages/${name}/${folder}`),
  );
  for (const folder of folders.filter((path) => existsSync(join(root, path)))) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((path) => path.endsWith('.test.ts'))) {
      for (const [, name] of read(join(folder, file)).matchAll(TITLE)) titles.add(name!);
    }
  }
  return titles;
}

describe('docs', () => {
  it('errors.md has every code of KvError and no other', () => {
    const union = /export type KvErrorCode =([^;]+);/.exec(
      read('packages/base/src/errors.ts'),
    )?.[1];
    const codes = [...(union ?? '').matchAll(/'(\w+)'/g)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(5);
    const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
    expect(rows.sort()).toEqual(codes.sort());
  });

  it('errors.md has every exit code', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| (\d) \|/gm)].map((m) => Number(m[1]));
    expect(rows).toEqual(Object.values(EXIT));
  });

  it('life-of-a-set.md has nine stops, each at a function that is there', () => {
    const text = read('docs/life-of-a-set.md');
    const stops = [...text.matchAll(/^### (\d)\. .+\n\n\[.+\]\((\S+)\) · `(\w+)`$/gm)];
    expect(stops.map((stop) => Number(stop[1]))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const [, , link, name] of stops) {
      const source = readFileSync(resolve(root, 'docs', link!), 'utf8');
      expect(source, `${name} in ${link}`).toMatch(
        new RegExp(`^(export )?(async )?(function )?\\s*(async )?${name}\\(`, 'm'),
      );
      expect(source.split('\n').length - 1, link).toBeLessThanOrEqual(350);
    }
  });

  it('every package has a page', () => {
    for (const name of readdirSync(join(root, 'packages'))) {
      expect(existsSync(join(root, `docs/internals/${name}.md`)), name).toBe(true);
    }
  });

  it('each of the forty named tests is there or waits, with no other', () => {
    const titles = testTitles();
    const rows = [
      ...read('docs/internals/waiting-tests.md').matchAll(/^\| `(\w+)`( \(its .+ part\))? \|/gm),
    ];
    const waiting = new Map(rows.map(([, name, part]) => [name!, part !== undefined]));
    expect(named).toHaveLength(40);
    for (const name of named) {
      // What waits for a part of its scenario is a test already.
      const isTested = !waiting.has(name) || waiting.get(name) === true;
      expect(titles.has(name), name).toBe(isTested);
    }
    expect([...waiting.keys()].filter((name) => !named.includes(name))).toEqual([]);
  });
});
