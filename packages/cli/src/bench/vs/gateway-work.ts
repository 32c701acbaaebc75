import { benchKey, type KeySpace, randomNumber, randomValue } from '../workload.js';
import type { OurCluster } from './our-cluster.js';
import type { RedisProcess } from './redis-process.js';
import { encodeCommand, RespPipeline } from './resp-pipeline.js';
import { type RedisRowName, type ReplicatedRowName, ROWS } from './rows.js';
import { openBoth, orClose, type Pair, type Side } from './side.js';

/** Commands of a row, encoded beforehand: the client shall cost as little as it can. */
interface Commands {
  /** Run once for each, before anything is measured. */
  readonly load: readonly Buffer[];
  /** Drawn from at random. */
  readonly measured: readonly Buffer[];
  /** How many replies each of those has; default 1. */
  readonly replies?: number;
}

function commandsOf(row: RedisRowName | ReplicatedRowName, space: KeySpace): Commands {
  const value = randomValue(space);
  const keys = Array.from({ length: space.keys }, (_, number) => benchKey(number));
  const sets = (): Buffer[] => keys.map((key) => encodeCommand('SET', key, value));
  switch (row) {
    case 'gw-set-p1':
    case 'gw-set-p16':
    case 'gw-set-open':
    case 'gw-set-wait-50':
    case 'gw-set-wait-1':
      return { load: [], measured: sets() };
    case 'gw-setex-p1':
      return {
        load: [],
        measured: keys.map((key) => encodeCommand('SETEX', key, '3600', value)),
      };
    case 'gw-get-p1':
    case 'gw-get-p16':
      return { load: sets(), measured: keys.map((key) => encodeCommand('GET', key)) };
    case 'gw-incr':
      return {
        load: [],
        measured: keys.map((_, number) => encodeCommand('INCR', `counter/${number}`)),
      };
    case 'gw-incr-hot':
      return { load: [], measured: [encodeCommand('INCR', 'counter')] };
  }
}

/** Redis acknowledges a write alone: it is asked to wait for both replicas, as ours does for a quorum. */
function withWait(commands: Commands): Commands {
  const wait = encodeCommand('WAIT', '2', '0');
  const measured = commands.measured.map((command) => Buffer.concat([command, wait]));
  return { ...commands, measured, replies: 2 };
}

export function openGatewayPair(
  name: RedisRowName | ReplicatedRowName,
  ours: OurCluster,
  redis: RedisProcess,
  space: KeySpace,
): Promise<Pair> {
  const { clients, depth, peer: system } = ROWS[name];
  const commands = commandsOf(name, space);
  const theirs = system === 'redis-replicated' ? withWait(commands) : commands;
  const peer = { system, servers: redis.processes, fsyncs: unknownFsyncs };
  return openBoth(
    async () => ({
      ...ourServers(ours),
      ...(await respWork(ours.gateway, clients, depth, commands)),
    }),
    async () => ({ ...peer, ...(await respWork(redis.address, clients, depth, theirs)) }),
  );
}

/** SET through the gateway, for the comparison with etcd. */
export async function openGatewaySet(
  ours: OurCluster,
  clients: number,
  space: KeySpace,
): Promise<Side> {
  const commands = commandsOf('gw-set-p1', space);
  return { ...ourServers(ours), ...(await respWork(ours.gateway, clients, 1, commands)) };
}

export function ourServers(ours: OurCluster): Pick<Side, 'system' | 'servers' | 'fsyncs'> {
  return { system: 'ours', servers: ours.processes, fsyncs: () => ours.fsyncs() };
}

export function unknownFsyncs(): Promise<undefined> {
  return Promise.resolve(undefined);
}

/** One connection per client, `depth` commands at once on each. */
async function respWork(
  address: string,
  clients: number,
  depth: number,
  { load, measured, replies = 1 }: Commands,
): Promise<Pick<Side, 'operation' | 'close'>> {
  const connections = await Promise.all(
    Array.from({ length: clients }, () => RespPipeline.connect(address)),
  );
  const last = { keys: measured.length, valueBytes: 0 };
  const draw = (): Buffer => measured[randomNumber(last)]!;
  const close = (): Promise<void> => {
    for (const connection of connections) connection.close();
    return Promise.resolve();
  };
  let next = 0;
  const loader = async (connection: RespPipeline): Promise<void> => {
    while (next < load.length) await connection.send(load[next++]!, 1);
  };
  await orClose(close, () => Promise.all(connections.map(loader)));
  return {
    operation: (client) =>
      connections[client]!.send(
        depth === 1 ? draw() : Buffer.concat(Array.from({ length: depth }, draw)),
        depth * replies,
      ),
    close,
  };
}
