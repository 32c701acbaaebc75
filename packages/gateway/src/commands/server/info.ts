import type { Reply } from '../../resp/types.js';
import { REDIS_VERSION, TINYKV_VERSION } from '../../version.js';
import type { Call, GatewayState, SessionHandler } from '../spec.js';
import { latin1 } from '../text.js';

type Field = readonly [string, string | number];

const SECTIONS: ReadonlyMap<string, (gateway: GatewayState) => Field[]> = new Map([
  ['Server', server],
  ['Clients', clients],
  ['Memory', memory],
  ['Persistence', persistence],
  ['Stats', stats],
  ['Replication', replication],
  ['CPU', cpu],
  ['Commandstats', commandStats],
  ['Cluster', (): Field[] => [['cluster_enabled', 0]]],
  ['Keyspace', (): Field[] => []],
]);

/** Shown only when asked for by name, or with everything else. */
const ON_REQUEST: ReadonlySet<string> = new Set(['commandstats']);

function server(gateway: GatewayState): Field[] {
  const uptime = Math.floor((gateway.env.clock.mono() - gateway.startedMono) / 1_000);
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_mode', 'standalone'],
    ['tinykv_version', TINYKV_VERSION],
    ['arch_bits', 64],
    ['multiplexing_api', 'epoll'],
    ['run_id', gateway.runId],
    ['tcp_port', gateway.port],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86_400)],
  ];
}

function clients(gateway: GatewayState): Field[] {
  return [
    ['connected_clients', gateway.stats.connectedClients],
    ['cluster_connections', 0],
    ['maxclients', gateway.config.clientsMax],
    ['blocked_clients', 0],
    ['tracking_clients', 0],
  ];
}

/** A gateway keeps no data: the figures that tools expect are there and zero. */
function memory(): Field[] {
  return [
    ['used_memory', 0],
    ['used_memory_lua', 0],
    ['maxmemory', 0],
    ['maxmemory_policy', 'noeviction'],
    ['mem_allocator', 'v8'],
  ];
}

/** Every reply to a write means that it is durable on a majority. */
function persistence(): Field[] {
  return [
    ['loading', 0],
    ['rdb_changes_since_last_save', 0],
    ['rdb_bgsave_in_progress', 0],
    ['aof_enabled', 1],
    ['aof_rewrite_in_progress', 0],
  ];
}

function stats(gateway: GatewayState): Field[] {
  const { stats: counts } = gateway;
  return [
    ['total_connections_received', counts.connectionsReceived],
    ['total_commands_processed', counts.commandsProcessed],
    ['total_net_input_bytes', counts.bytesReceived],
    ['total_net_output_bytes', counts.bytesSent],
    ['rejected_connections', counts.connectionsRejected],
    ['expired_keys', counts.expiredKeys],
    ['evicted_keys', 0],
    ['total_forks', 0],
    ['total_error_replies', counts.errorReplies],
    ['txn_conflicts', counts.txnConflicts],
    ['txn_undetermined', counts.txnUndetermined],
    ['collected_keys', counts.collectedKeys],
    ['expiries_apart', counts.expiriesApart],
  ];
}

function replication(gateway: GatewayState): Field[] {
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_replid', gateway.runId],
    ['master_repl_offset', 0],
  ];
}

function cpu(gateway: GatewayState): Field[] {
  const { userMicroseconds, systemMicroseconds } = gateway.cpu();
  return [
    ['used_cpu_sys', (systemMicroseconds / 1e6).toFixed(6)],
    ['used_cpu_user', (userMicroseconds / 1e6).toFixed(6)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
  ];
}

function commandStats(gateway: GatewayState): Field[] {
  return [...gateway.commandStats].map(([name, entry]): Field => {
    const perCall = entry.calls === 0 ? 0 : entry.microseconds / entry.calls;
    return [
      `cmdstat_${name}`,
      `calls=${entry.calls},usec=${Math.round(entry.microseconds)},usec_per_call=${perCall.toFixed(2)}` +
        `,rejected_calls=${entry.rejected},failed_calls=${entry.failed}`,
    ];
  });
}

function info({ argv, gateway }: Call): Reply {
  const wanted = new Set(argv.slice(1).map((arg) => latin1(arg).toLowerCase()));
  const everything = wanted.has('all') || wanted.has('everything');
  const usual = wanted.size === 0 || wanted.has('default');
  const parts: string[] = [];
  for (const [title, fields] of SECTIONS) {
    const name = title.toLowerCase();
    if (!everything && !wanted.has(name) && !(usual && !ON_REQUEST.has(name))) continue;
    const lines = fields(gateway).map(([field, value]) => `${field}:${value}\r\n`);
    parts.push(`# ${title}\r\n${lines.join('')}`);
  }
  return { type: 'verbatim', text: parts.join('\r\n') };
}

export const infoCommand: SessionHandler = { kind: 'session', name: 'info', run: info };
