import { createConnection } from 'node:net';
import type { Net } from '@tinykv/base';

/** How long the fuzzer waits for an answer before it turns to the next request; some wait for a lock. */
const ANSWER_MS = 400;
/** How long a stream or a socket is listened to after the last byte was sent. */
const LISTEN_MS = 150;

export type Outcome = 'answered' | 'refused';

/** Whatever comes of it but an end of the process is right. */
export async function sendUnary(
  net: Net,
  address: string,
  path: string,
  request: Uint8Array,
): Promise<Outcome> {
  try {
    await net.call(address, path, request, { timeoutMs: ANSWER_MS });
    return 'answered';
  } catch {
    return 'refused';
  }
}

/** Sends one message on a stream of its own, and gives the server time to say what it thinks of it. */
export function sendStream(
  net: Net,
  address: string,
  path: string,
  message: Uint8Array,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let outcome: Outcome = 'refused';
    const late = setTimeout(() => stream.destroy(), LISTEN_MS);
    const stream = net.open(address, path, {
      onMessage: () => {
        outcome = 'answered';
      },
      onClose: () => {
        clearTimeout(late);
        resolve(outcome);
      },
    });
    stream.send(message);
    stream.end();
  });
}

/** Sends bytes over a connection of its own until the other side answers or hangs up. */
export function sendBytes(address: string, bytes: Uint8Array): Promise<Outcome> {
  const colon = address.lastIndexOf(':');
  const socket = createConnection(Number(address.slice(colon + 1)), address.slice(0, colon));
  return new Promise((resolve) => {
    let outcome: Outcome = 'refused';
    socket.setTimeout(LISTEN_MS, () => socket.destroy());
    socket.on('connect', () => socket.end(bytes));
    socket.on('data', () => {
      outcome = 'answered';
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(outcome));
  });
}
