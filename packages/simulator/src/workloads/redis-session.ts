import { type Rng, utf8 } from '@tinykv/base';
import { PendingReplies } from '../checkers/pending-replies.js';
import type { ClientNode } from '../cluster/client-node.js';
import type { GatewayNode } from '../cluster/gateway-node.js';
import { gatewayConfig } from '../cluster/sim-config.js';
import { RespError, RespReader, RespSocket, type RespValue } from './resp-socket.js';
import type { WorkloadContext } from './workload.js';

/** A command's reply; `lost` when the connection ended first, so that nobody knows. */
export type RedisResult = RespValue | 'lost-connection';

const REPLY_TIMEOUT_MS = 12_000;

/** One connection of a Redis client; it connects again when it was closed, and resends nothing. */
export class RedisSession {
  readonly #context: WorkloadContext;
  readonly #node: ClientNode;
  readonly #rng: Rng;
  readonly #gateway: GatewayNode | undefined;
  #socket: RespSocket | undefined;
  #waiting: ((reply: RedisResult) => void)[] = [];

  /** By this gateway alone, or by whichever is up. */
  constructor(context: WorkloadContext, node: ClientNode, rng: Rng, gateway?: GatewayNode) {
    this.#gateway = gateway;
    this.#context = context;
    this.#node = node;
    this.#rng = rng;
  }

  /** Undefined: no gateway could be reached, nothing was sent. */
  async send(...requests: readonly (readonly string[])[]): Promise<RedisResult[] | undefined> {
    const socket = this.#connect();
    if (socket === undefined) return undefined;
    const replies = requests.map(
      () => new Promise<RedisResult>((resolve) => this.#waiting.push(resolve)),
    );
    const { env } = this.#node;
    const late = env?.clock.after(REPLY_TIMEOUT_MS, () => socket.break());
    socket.send(utf8(requests.map(encode).join('')), requests.length);
    const all = await Promise.all(replies);
    late?.cancel();
    return all;
  }

  /** The same on the connection of the last request; undefined when that has ended, and what it watched with it. */
  sendOnSame(...requests: readonly (readonly string[])[]): Promise<RedisResult[] | undefined> {
    if (this.#socket === undefined || this.#socket.closed) return Promise.resolve(undefined);
    return this.send(...requests);
  }

  #connect(): RespSocket | undefined {
    if (this.#socket !== undefined && !this.#socket.closed) return this.#socket;
    const { cluster } = this.#context;
    const gateways = this.#gateway === undefined ? cluster.gateways : [this.#gateway];
    const up = gateways.filter((gateway) => gateway.core !== undefined && gateway.running);
    const gateway = up[this.#rng.int(0, Math.max(1, up.length))];
    const { proc } = this.#node;
    if (gateway?.proc === undefined || proc === undefined) return undefined;
    const reader = new RespReader();
    this.#fail();
    const { commandTimeoutMs } = gatewayConfig(cluster.shape);
    const { deadlines } = this.#context;
    const socket: RespSocket = new RespSocket(
      cluster.network,
      this.#rng,
      { node: this.#node, proc },
      { node: gateway, proc: gateway.proc },
      {
        onData: (bytes) => {
          if (socket !== this.#socket) return;
          reader.add(bytes);
          for (;;) {
            const reply = reader.next();
            if (reply === undefined) return;
            this.#waiting.shift()?.(reply);
          }
        },
        onClose: () => {
          if (socket === this.#socket) this.#fail();
        },
      },
      new PendingReplies(this.#node.name, commandTimeoutMs, deadlines),
    );
    this.#socket = socket;
    return socket;
  }

  #fail(): void {
    this.#socket = undefined;
    for (const resolve of this.#waiting.splice(0)) resolve('lost-connection');
  }
}

function encode(argv: readonly string[]): string {
  return `*${argv.length}\r\n${argv.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

/** What a reply says of a write's effect. */
export function effectOf(reply: RedisResult): 'done' | 'none' | 'unknown' {
  if (reply === 'lost-connection') return 'unknown';
  if (!(reply instanceof RespError)) return 'done';
  return reply.text.startsWith('ERR commit result unknown') ? 'unknown' : 'none';
}
