import {
  type CallOptions,
  copyBytes,
  errorMessage,
  InvariantError,
  KvError,
  type Net,
  type NetServer,
  type NetStream,
  type ServiceTable,
  type StreamEvents,
} from '@tinykv/base';
import { tinykvstream } from '@tinykv/proto';
import { Echoes } from './echoes.js';
import { mixBytes } from './mix.js';
import { hostOf, type Listener, type Network } from './network.js';
import type { SimProcess } from './sim-proc.js';
import { Connection } from './sim-stream.js';

/** Streams whose messages may be lost, doubled and reordered by contract. */
export type IsLossy = (method: string) => boolean;

/** One process's network. */
export class SimNet implements Net {
  readonly #network: Network;
  readonly #proc: SimProcess;
  readonly #host: string;
  readonly #isLossy: IsLossy;
  readonly #echoes: Echoes;

  constructor(network: Network, proc: SimProcess, host: string, isLossy: IsLossy) {
    this.#network = network;
    this.#proc = proc;
    this.#host = host;
    this.#isLossy = isLossy;
    this.#echoes = new Echoes(network, proc, host);
  }

  serve(address: string, services: ServiceTable): Promise<NetServer> {
    const listener: Listener = { proc: this.#proc, services };
    const bound = this.#network.listen(address, listener);
    return Promise.resolve({
      address: bound,
      close: (): Promise<void> => {
        this.#network.close(bound, listener);
        return Promise.resolve();
      },
    });
  }

  call(
    address: string,
    method: string,
    request: Uint8Array,
    options: CallOptions,
  ): Promise<Uint8Array> {
    const bytes = copyBytes(request);
    this.#echoes.ofCall(address, method, bytes);
    const to = hostOf(address);
    const proc = this.#proc;
    return new Promise((resolve, reject) => {
      if (proc.dead) return;
      let done = false;
      const settle = (fn: () => void): void => {
        if (done) return;
        done = true;
        late.cancel();
        fn();
      };
      const late = proc.after(options.timeoutMs, 'deadline', () =>
        settle(() =>
          reject(new KvError('DEADLINE_EXCEEDED', `${method} took over ${options.timeoutMs} ms`)),
        ),
      );
      const answer = (fn: () => void): void => {
        if (this.#loses()) return;
        this.#network.carry(to, this.#host, 0, 'response', () => proc.run(() => settle(fn)));
      };
      if (this.#loses()) return;
      this.#network.carry(this.#host, to, 0, 'request', () => {
        const listener = this.#network.listener(address);
        if (listener === undefined) {
          answer(() => reject(new KvError('UNAVAILABLE', `cannot reach ${address}`)));
          return;
        }
        listener.proc.run(() => {
          handle(listener, method, bytes, this.#host).then(
            (response) => {
              const copy = copyBytes(response);
              answer(() => {
                proc.world.note(mixBytes(copy));
                resolve(copy);
              });
            },
            (error: unknown) => {
              if (error instanceof InvariantError) proc.world.fail(error);
              answer(() => reject(asKvError(error)));
            },
          );
        });
      });
    });
  }

  open(address: string, method: string, events: StreamEvents): NetStream {
    return method === tinykvstream.Batch.commands.path
      ? this.#echoes.openStream(address, events, (heard) => this.#connect(address, method, heard))
      : this.#connect(address, method, events);
  }

  #connect(address: string, method: string, events: StreamEvents): NetStream {
    const to = hostOf(address);
    const listener = this.#network.listener(address);
    const hosts = { client: this.#host, server: to };
    const server = listener?.proc ?? this.#proc;
    const connection = new Connection(
      this.#network,
      this.#proc,
      server,
      hosts,
      this.#isLossy(method),
    );
    connection.client.receive(events);
    for (const end of [connection.client, connection.server]) {
      end.onSend = (message) =>
        this.#network.onSend?.(end.host, method, message, end === connection.server);
    }
    const handler = listener?.services.stream.get(method);
    if (handler === undefined || this.#network.isCut(this.#host, to)) {
      const error = {
        code: listener !== undefined && handler === undefined ? 'UNIMPLEMENTED' : 'UNAVAILABLE',
        message: `cannot open ${method} at ${address}`,
      } as const;
      this.#proc.after(this.#network.delay(), 'refused', () => connection.client.fail(error));
      return connection.client;
    }
    this.#network.carry(this.#host, to, 0, 'connect', () =>
      server.run(() =>
        connection.server.receive(handler(connection.server, { address: `${this.#host}:0` })),
      ),
    );
    return connection.client;
  }

  #loses(): boolean {
    if (!this.#network.draw(this.#network.traits.lossRate)) return false;
    this.#network.counts.lost++;
    return true;
  }
}

async function handle(
  listener: Listener,
  method: string,
  request: Uint8Array,
  host: string,
): Promise<Uint8Array> {
  const handler = listener.services.unary.get(method);
  if (handler === undefined) throw new KvError('UNIMPLEMENTED', method);
  return handler(request, { address: `${host}:0` });
}

function asKvError(error: unknown): KvError {
  if (error instanceof KvError) return error;
  return new KvError('INTERNAL', errorMessage(error), { cause: error });
}
