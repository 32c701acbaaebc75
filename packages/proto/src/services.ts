import { Scheduler } from './gen/schedulerpb.js';
import { Admin } from './gen/tinykvadmin.js';
import { TinyKv } from './gen/tinykvpb.js';
import { Peer } from './gen/tinykvpeer.js';
import { Batch, BatchMethod } from './gen/tinykvstream.js';
import { Txn } from './gen/tinykvtxn.js';
import type { Method, UnaryMethod } from './method.js';

/** Every rpc of a cluster: TinyKV's two services and ours. */
export const allMethods: readonly Method<object, object>[] = [
  TinyKv,
  Txn,
  Scheduler,
  Batch,
  Peer,
  Admin,
].flatMap((service): Method<object, object>[] => Object.values(service));

function isUnary(method: Method<object, object>): method is UnaryMethod<object, object> {
  return !method.clientStream && !method.serverStream;
}

const methodsByNumber: ReadonlyMap<number, UnaryMethod<object, object>> = new Map(
  [TinyKv, Txn]
    .flatMap((service): Method<object, object>[] => Object.values(service))
    .filter(isUnary)
    .map((method) => [BatchMethod[method.name as keyof typeof BatchMethod], method]),
);

const numbersByPath: ReadonlyMap<string, number> = new Map(
  [...methodsByNumber].map(([number, method]) => [method.path, number]),
);

/** The method that an item of a batch asks for; undefined for a number that was never given out. */
export function batchMethod(number: number): UnaryMethod<object, object> | undefined {
  return methodsByNumber.get(number);
}

/** The number of a method in a batch; undefined for methods that cannot be batched. */
export function batchNumber(method: Method<object, object>): number | undefined {
  return numbersByPath.get(method.path);
}
