import { EMPTY_BYTES, Prng, type Result, utf8 } from '@tinykv/base';
import { parseConfChanges } from '../conf-change-text.js';
import type { RaftError } from '../raft-error.js';
import type { ConfChange, ConfChangeTransition, MessageType, Snapshot } from '../types.js';
import { argValues, type TraceBlock } from './datadriven.js';
import type { InteractionEnv, Recipient } from './interaction-env.js';
import { InteractionNode } from './interaction-node.js';

const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** An error that a command prints as its output. */
export class CommandError extends Error {}

type Handler = (env: InteractionEnv, block: TraceBlock) => void;

/** Runs one command; what it prints goes to the output of `env`. Throws CommandError. */
export function runCommand(env: InteractionEnv, block: TraceBlock): void {
  const handler = HANDLERS.get(block.command);
  if (handler === undefined) throw new CommandError('unknown command');
  handler(env, block);
}

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['add-nodes', addNodes],
  ['campaign', (env, block) => check(firstNode(env, block).raw.campaign())],
  ['compact', compact],
  ['deliver-msgs', deliverMessages],
  ['forget-leader', (env, block) => check(firstNode(env, block).raw.forgetLeader())],
  ['log-level', (env, block) => setLogLevel(env, word(block, 0))],
  ['process-append-thread', processAppendThread],
  ['process-apply-thread', processApplyThread],
  ['process-ready', processReady],
  ['propose', propose],
  ['propose-conf-change', proposeConfChange],
  ['raft-log', (env, block) => env.printLog(firstNode(env, block))],
  ['raft-state', (env) => env.printStates()],
  ['report-unreachable', reportUnreachable],
  ['send-snapshot', sendSnapshot],
  ['set-randomized-election-timeout', setRandomizedElectionTimeout],
  ['stabilize', stabilize],
  ['status', (env, block) => env.output.write(firstNode(env, block).raw.describeProgress())],
  ['tick-election', (env, block) => tick(env, block, 'electionTicks')],
  ['tick-heartbeat', (env, block) => tick(env, block, 'heartbeatTicks')],
  ['transfer-leadership', transferLeadership],
]);

function addNodes(env: InteractionEnv, block: TraceBlock): void {
  const index = Number(value(block, 'index') ?? 0);
  const readOnly = value(block, 'read-only') ?? 'safe';
  if (readOnly !== 'safe' && readOnly !== 'lease-based') {
    throw new CommandError(`invalid read-only option "${readOnly}"`);
  }
  const voters = ids(block, 'voters');
  const learners = ids(block, 'learners');
  const content = value(block, 'content') ?? '';
  const bootstrap = voters.length > 0 || learners.length > 0 || index > 0 || content !== '';
  if (bootstrap && index <= 1) {
    throw new CommandError('index must be specified as > 1 due to bootstrap');
  }
  const initial: Snapshot = {
    data: utf8(content),
    metadata: {
      confState: { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false },
      index,
      term: bootstrap ? 1 : 0,
    },
  };
  for (let count = Number(word(block, 0)); count > 0; count--) {
    const id = env.nodes.length + 1;
    const config = {
      id,
      electionTicks: 3,
      heartbeatTicks: 1,
      applied: index,
      asyncStorageWrites: flag(block, 'async-storage-writes'),
      maxBytesPerMessage: NO_LIMIT,
      maxCommittedBytesPerReady: Number(value(block, 'max-committed-size-per-ready') ?? NO_LIMIT),
      maxUncommittedBytes: NO_LIMIT,
      maxInflightMessages: Number(value(block, 'inflight') ?? NO_LIMIT),
      maxInflightBytes: NO_LIMIT,
      checkQuorum: flag(block, 'checkquorum'),
      preVote: flag(block, 'prevote'),
      readOnly,
      disableProposalForwarding: false,
      disableConfChangeValidation: flag(block, 'disable-conf-change-validation'),
      stepDownOnRemoval: flag(block, 'step-down-on-removal'),
      rng: new Prng(`node ${id}`),
    } as const;
    env.nodes.push(new InteractionNode(config, initial));
  }
}

function compact(env: InteractionEnv, block: TraceBlock): void {
  const node = firstNode(env, block);
  if (!node.storage.compact(Number(word(block, 1)))) {
    throw new CommandError('requested index is unavailable due to compaction');
  }
  env.printLog(node);
}

function deliverMessages(env: InteractionEnv, block: TraceBlock): void {
  const recipients: Recipient[] = nodeIds(block).map((id) => ({ id, drop: false }));
  for (const id of ids(block, 'drop')) recipients.push({ id, drop: true });
  const type = value(block, 'type') as MessageType | undefined;
  if (env.deliver(recipients, type) === 0) env.output.write('no messages');
}

function setLogLevel(env: InteractionEnv, level: string): void {
  env.output.quiet = level.toLowerCase() === 'none';
}

function processReady(env: InteractionEnv, block: TraceBlock): void {
  env.eachNode(nodeIds(block), 'handling Ready', (node) => env.processReady(node));
}

function processAppendThread(env: InteractionEnv, block: TraceBlock): void {
  env.eachNode(nodeIds(block), 'processing append thread', (node) => env.processAppendThread(node));
}

function processApplyThread(env: InteractionEnv, block: TraceBlock): void {
  env.eachNode(nodeIds(block), 'processing apply thread', (node) => env.processApplyThread(node));
}

function propose(env: InteractionEnv, block: TraceBlock): void {
  check(firstNode(env, block).raw.propose(utf8(word(block, 1))));
}

const TRANSITIONS: ReadonlyMap<string, ConfChangeTransition> = new Map([
  ['auto', 'ConfChangeTransitionAuto'],
  ['implicit', 'ConfChangeTransitionJointImplicit'],
  ['explicit', 'ConfChangeTransitionJointExplicit'],
]);

function proposeConfChange(env: InteractionEnv, block: TraceBlock): void {
  const v1 = flag(block, 'v1');
  const name = value(block, 'transition') ?? 'auto';
  const transition = TRANSITIONS.get(name);
  if (transition === undefined) throw new CommandError(`unknown transition ${name}`);
  const changes = parseConfChanges(block.input);
  if (v1 && (changes.length > 1 || name !== 'auto')) {
    throw new CommandError('v1 conf change can only have one operation and no transition');
  }
  const change: ConfChange = { transition, changes, context: EMPTY_BYTES };
  check(firstNode(env, block).raw.proposeConfChange(change, v1));
}

function reportUnreachable(env: InteractionEnv, block: TraceBlock): void {
  firstNode(env, block).raw.reportUnreachable(Number(word(block, 1)));
}

function sendSnapshot(env: InteractionEnv, block: TraceBlock): void {
  env.sendSnapshot(firstNode(env, block), Number(word(block, 1)));
}

function setRandomizedElectionTimeout(env: InteractionEnv, block: TraceBlock): void {
  firstNode(env, block).raw.setRandomizedElectionTimeout(Number(value(block, 'timeout')));
}

function stabilize(env: InteractionEnv, block: TraceBlock): void {
  const chosen = nodeIds(block).map((id) => env.node(id));
  const level = value(block, 'log-level');
  const before = env.output.quiet;
  if (level !== undefined) setLogLevel(env, level);
  try {
    env.stabilize(chosen.length > 0 ? chosen : env.nodes);
  } finally {
    env.output.quiet = before;
  }
}

function tick(
  env: InteractionEnv,
  block: TraceBlock,
  period: 'electionTicks' | 'heartbeatTicks',
): void {
  const node = firstNode(env, block);
  for (let count = node.config[period]; count > 0; count--) node.raw.tick();
}

function transferLeadership(env: InteractionEnv, block: TraceBlock): void {
  env.node(Number(value(block, 'from'))).raw.transferLeader(Number(value(block, 'to')));
}

function check(result: Result<unknown, RaftError>): void {
  if (!result.ok) throw new CommandError(result.error.message);
}

function firstNode(env: InteractionEnv, block: TraceBlock): InteractionNode {
  return env.node(Number(word(block, 0)));
}

function word(block: TraceBlock, position: number): string {
  const words = block.args.filter((arg) => arg.values.length === 0);
  return words[position]?.key ?? '';
}

/** The arguments that are bare ids. */
function nodeIds(block: TraceBlock): number[] {
  return block.args.filter((arg) => arg.values.length === 0).map((arg) => Number(arg.key));
}

function value(block: TraceBlock, key: string): string | undefined {
  return argValues(block, key)?.[0];
}

function ids(block: TraceBlock, key: string): number[] {
  return argValues(block, key)?.map(Number) ?? [];
}

function flag(block: TraceBlock, key: string): boolean {
  return value(block, key) === 'true';
}
