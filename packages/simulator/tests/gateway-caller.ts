import { utf8 } from '@tinykv/base';
import type { GatewayNode } from '../src/cluster/gateway-node.js';
import type { Scenario } from './scenario.js';

/** A connection to a gateway, without a network between. */
export class GatewayCaller {
  readonly #scenario: Scenario;
  readonly #onData: (bytes: Uint8Array) => void;
  #output = '';

  constructor(scenario: Scenario, node: GatewayNode) {
    this.#scenario = scenario;
    const connection = {
      address: 'test:1',
      localAddress: 'test:2',
      bufferedBytes: 0,
      write: (bytes: Uint8Array): boolean => {
        this.#output += Buffer.from(bytes).toString('latin1');
        return true;
      },
      end: () => undefined,
      destroy: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    };
    const events = node.core!.accept(connection)!;
    this.#onData = (bytes) => events.onData(bytes);
  }

  /** The reply to one command, and how long it took. */
  async call(line: string, maxMs = 20_000): Promise<{ reply: string; ms: number }> {
    const begun = this.#scenario.world.now;
    this.#output = '';
    this.#onData(utf8(`${line}\r\n`));
    await this.#scenario.until(`a reply to ${line}`, () => this.#output !== '', maxMs);
    return { reply: this.#output, ms: this.#scenario.world.now - begun };
  }
}
