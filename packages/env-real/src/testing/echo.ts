import type { NetError, ServiceTable, StreamEvents } from '@tinykv/base';

/** A promise that is settled from outside. */
export class Deferred<T> {
  resolve!: (value: T) => void;
  readonly promise: Promise<T> = new Promise((resolve) => {
    this.resolve = resolve;
  });
}

export interface Recorder {
  readonly events: StreamEvents;
  readonly messages: string[];
  readonly closed: Deferred<NetError | undefined>;
  closes: number;
  drains: number;
}

/** Keeps what a stream reports. */
export function recorder(): Recorder {
  const out: Recorder = {
    events: {
      onMessage: (message) => void out.messages.push(Buffer.from(message).toString()),
      onClose: (error) => {
        out.closes++;
        out.closed.resolve(error);
      },
      onDrain: () => {
        out.drains++;
      },
    },
    messages: [],
    closed: new Deferred(),
    closes: 0,
    drains: 0,
  };
  return out;
}

/** Sends back what it gets, by call and by stream. */
export function echoServices(prefix = ''): ServiceTable {
  const echo = (message: Uint8Array): Uint8Array => Buffer.concat([Buffer.from(prefix), message]);
  return {
    unary: new Map([['/test.Echo/Unary', async (request) => echo(request)]]),
    stream: new Map([
      [
        '/test.Echo/Chat',
        (stream) => ({
          onMessage: (message) => void stream.send(echo(message)),
          onClose: () => stream.end(),
        }),
      ],
    ]),
  };
}

/** Polls until it holds; fails after ten seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
