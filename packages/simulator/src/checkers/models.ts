import { describeInterval, type Interval } from './history.js';
import type { Model } from './model.js';

/** An operation on one key of the raw API. */
export interface RegisterOp extends Interval {
  readonly kind: 'get' | 'put' | 'delete' | 'swap';
  /** What was read or written; undefined for no value. */
  readonly value: string | undefined;
  /** Of a swap that found it: what stood there before. One that did not is a read of what it found. */
  readonly expected?: string | undefined;
}

/** A Redis command on one string key. */
export interface StringOp extends Interval {
  readonly kind:
    | 'get'
    | 'set'
    | 'setnx'
    | 'append'
    | 'getset'
    | 'getdel'
    | 'strlen'
    | 'del'
    | 'flush';
  readonly value?: string;
  /** The reply; missing when it is unknown. */
  readonly output?: string | number | null;
}

/** A register that is read, written, deleted, and written where it has an expected value. */
export const registerModel: Model<string | null, RegisterOp> = {
  initial: null,
  step(state, { kind, value, expected }) {
    switch (kind) {
      case 'get':
        return (value ?? null) === state ? state : undefined;
      case 'put':
        return value ?? null;
      case 'delete':
        return null;
      case 'swap':
        return (expected ?? null) === state ? (value ?? null) : undefined;
    }
  },
  isPure: ({ kind }) => kind === 'get',
  demands({ kind, value = null, expected = null }) {
    if (kind === 'swap') return expected;
    return kind === 'get' ? value : undefined;
  },
  pins: ({ value = null }) => value,
  yields({ kind, value = null }, states) {
    return kind !== 'get' && states.has(value) ? [value] : [];
  },
  forget: (op) => (op.kind === 'get' ? undefined : unreturned(op)),
  // Reads can always go. A write that nobody has read can go, since no reply depends on it; one that was
  // read must stay, or its reader would seem to have made the value up.
  spare(ops) {
    const read = valuesRead(ops);
    return (op) => op.kind === 'get' || !read.has(op.value);
  },
  sources(ops) {
    const read = valuesRead(ops);
    return ({ kind, value }) => (kind === 'put' || kind === 'swap') && read.has(value);
  },
  describe: (op) => `${describeInterval(op)} ${op.kind}${describeRegister(op)}`,
};

/** A swap has read what it expects, also one that nobody knows of: it may be what another value came from. */
function valuesRead(ops: readonly RegisterOp[]): ReadonlySet<string | undefined> {
  return new Set(
    ops.flatMap(({ kind, ret, value, expected }) => {
      if (kind === 'swap') return [expected];
      return kind === 'get' && Number.isFinite(ret) ? [value] : [];
    }),
  );
}

function describeRegister({ kind, value, expected }: RegisterOp): string {
  if (kind === 'delete') return '';
  if (kind === 'swap') return ` ${expected ?? 'nothing'} for ${value ?? 'nothing'}`;
  return kind === 'put' ? ` ${value}` : ` → ${value ?? 'nothing'}`;
}

/** A string key of Redis. */
export const stringModel: Model<string | null, StringOp> = {
  initial: null,
  step(state, op) {
    const [reply, next] = run(state, op);
    return op.output === undefined || op.output === reply ? next : undefined;
  },
  isPure({ kind, output }) {
    if (kind === 'get' || kind === 'strlen') return true;
    if (kind === 'setnx' || kind === 'del') return output === 0;
    return kind === 'getdel' && output === null;
  },
  demands({ kind, output }) {
    if (kind === 'get' || kind === 'getset' || kind === 'getdel') {
      return typeof output === 'number' ? undefined : output;
    }
    const isMissing = (kind === 'setnx' && output === 1) || (kind === 'del' && output === 0);
    return isMissing ? null : undefined;
  },
  pins({ kind, value, output }) {
    if (kind === 'get') return typeof output === 'number' ? undefined : output;
    if (kind === 'set' || kind === 'getset') return value;
    return kind === 'del' || kind === 'getdel' || kind === 'flush' ? null : undefined;
  },
  yields({ kind, value = '' }, states) {
    if (kind === 'get' || kind === 'strlen') return [];
    if (kind === 'append') return [...states].filter((state) => state?.endsWith(value));
    const removes = kind === 'del' || kind === 'getdel' || kind === 'flush';
    const next = removes ? null : value;
    return states.has(next) ? [next] : [];
  },
  forget(op) {
    if (op.kind === 'get' || op.kind === 'strlen') return undefined;
    const { output: _, ...rest } = op;
    return unreturned(rest);
  },
  // Every other command has a reply or an effect that a later reply may depend on.
  spare: () => (op) => stringModel.isPure(op),
  sources(ops) {
    const replies = ops.flatMap(({ output }) => (typeof output === 'string' ? [output] : []));
    return ({ value }) => value !== undefined && replies.some((reply) => reply.includes(value));
  },
  describe({ kind, value, output, ...interval }) {
    const reply = output === undefined ? '' : ` → ${output ?? 'nil'}`;
    return `${describeInterval(interval)} ${kind}${value === undefined ? '' : ` ${value}`}${reply}`;
  },
};

type Reply = string | number | null;

/** The reply to a command and the state after it. */
function run(state: string | null, { kind, value = '' }: StringOp): [Reply, string | null] {
  switch (kind) {
    case 'get':
      return [state, state];
    case 'set':
      return ['OK', value];
    case 'setnx':
      return state === null ? [1, value] : [0, state];
    case 'append': {
      const next = `${state ?? ''}${value}`;
      return [next.length, next];
    }
    case 'getset':
      return [state, value];
    case 'getdel':
      return [state, null];
    case 'strlen':
      return [state?.length ?? 0, state];
    case 'del':
      return [state === null ? 0 : 1, null];
    case 'flush':
      return ['OK', null];
  }
}

function unreturned<Op extends Interval>(op: Op): Op {
  return { ...op, ret: Number.POSITIVE_INFINITY };
}
