import { createConnection, type Socket } from 'node:net';

/** A connection to host:port. Rejects when there is none. */
export function connectTo(address: string): Promise<Socket> {
  const colon = address.lastIndexOf(':');
  const socket = createConnection(Number(address.slice(colon + 1)), address.slice(0, colon));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
