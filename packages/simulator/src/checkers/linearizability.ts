/** When an operation was called and when it returned, as ordinals; `ret` is infinite when its result is unknown. */
export interface Interval {
  readonly client: number;
  readonly call: number;
  readonly ret: number;
}

/** An operation on one key of the raw API. */
export interface RegisterOp extends Interval {
  readonly kind: 'get' | 'put' | 'delete';
  /** What was read or written; undefined for no value. */
  readonly value: string | undefined;
}

/** A Redis command on one string key. */
export interface StringOp extends Interval {
  readonly kind: 'get' | 'set' | 'setnx' | 'append' | 'getset' | 'getdel' | 'strlen' | 'del';
  readonly value?: string;
  /** The reply; missing when it is unknown. */
  readonly output?: string | number | null;
}
