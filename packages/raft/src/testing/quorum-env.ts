import type { LogIndex } from '@tinykv/base';
import { describeQuorum, JointConfig } from '../quorum.js';
import { argValues, type TraceBlock } from './datadriven.js';

type Values<T> = ReadonlyMap<number, T>;

/** Runs a block of a quorum trace: `committed` or `vote`. */
export function runQuorumBlock(block: TraceBlock): string {
  const voters = (argValues(block, 'cfg') ?? []).map(Number);
  const other = argValues(block, 'cfgj');
  const joint = other !== undefined;
  const outgoing = other === undefined || other[0] === 'zero' ? [] : other.map(Number);
  const config = new JointConfig(voters, outgoing);
  switch (block.command) {
    case 'committed':
      return describeCommitted(config, joint, valuesOf(block, 'idx', config, Number));
    case 'vote':
      return describeVote(config, joint, valuesOf(block, 'votes', config, parseVote));
    default:
      return `unknown command ${block.command}`;
  }
}

/** Hands the values to the ids in order of their first appearance; `_` is a missing one. */
function valuesOf<T>(
  block: TraceBlock,
  key: string,
  config: JointConfig,
  parse: (text: string) => T,
): Values<T> {
  const texts = argValues(block, key) ?? [];
  const ids = [...config.ids()];
  if (texts.length !== ids.length) {
    throw new Error(`mismatched input for voters [${ids.join(' ')}]: ${texts.join(' ')}`);
  }
  const values = new Map<number, T>();
  ids.forEach((id, i) => {
    const text = texts[i]!;
    if (text !== '_') values.set(id, parse(text));
  });
  return values;
}

function parseVote(text: string): boolean {
  if (text !== 'y' && text !== 'n') throw new Error(`unknown vote ${text}`);
  return text === 'y';
}

function describeCommitted(config: JointConfig, joint: boolean, matches: Values<LogIndex>): string {
  const committed = committedBy(config, matches);
  let out = describeQuorum(config.ids(), (id) => matches.get(id));
  const check = (index: LogIndex, how: string): void => {
    if (index !== committed) out += `${describeIndex(index)} <-- ${how}\n`;
  };
  check(committedBy(swapped(config), matches), 'via symmetry');
  if (!joint) {
    const { incoming } = config;
    check(bySearch(incoming, matches), 'via alternative computation');
    check(committedBy(new JointConfig(incoming, []), matches), 'via zero-joint quorum');
    check(committedBy(new JointConfig(incoming, incoming), matches), 'via self-joint quorum');
  }
  for (const id of config.ids()) {
    const match = matches.get(id) ?? 0;
    // Who is behind the committed index is not needed for it, so that it may fall further back.
    if (match === 0 || match >= committed) continue;
    for (const lowered of [match - 1, 0]) {
      const overlaid = new Map([...matches, [id, lowered]]);
      check(committedBy(config, overlaid), `overlaying ${id}->${lowered}`);
    }
  }
  return `${out}${describeIndex(committed)}`;
}

function describeVote(config: JointConfig, joint: boolean, votes: Values<boolean>): string {
  const result = config.voteResult(votes);
  let out = '';
  const check = (other: JointConfig, how: string): void => {
    const got = other.voteResult(votes);
    if (got !== result) out += `${got} <-- ${how}\n`;
  };
  check(swapped(config), 'via symmetry');
  if (!joint) check(new JointConfig(config.incoming, config.incoming), 'via self-joint quorum');
  return `${out}${result}`;
}

function committedBy(config: JointConfig, matches: Values<LogIndex>): LogIndex {
  return config.committedIndex((id) => matches.get(id));
}

function swapped(config: JointConfig): JointConfig {
  return new JointConfig(config.outgoing, config.incoming);
}

/** By definition: the largest acknowledged index that more than half of the voters have reached. */
function bySearch(voters: ReadonlySet<number>, matches: Values<LogIndex>): LogIndex {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  const reached = (index: LogIndex): number =>
    [...voters].filter((id) => (matches.get(id) ?? 0) >= index).length;
  const candidates = [...voters].map((id) => matches.get(id) ?? 0);
  return Math.max(0, ...candidates.filter((index) => reached(index) > voters.size / 2));
}

function describeIndex(index: LogIndex): string {
  return index === Number.POSITIVE_INFINITY ? '∞' : String(index);
}
