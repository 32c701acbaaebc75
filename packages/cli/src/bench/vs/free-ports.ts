import { isPortFree } from '../../playground/ports.js';
import { CliError } from '../../program.js';

/** Above the blocks of our playgrounds, below the ports that outgoing connections get. */
const FIRST = 27_000;
const LAST = 32_000;

/** Ports of loopback that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const free: number[] = [];
  for (let port = FIRST; port < LAST && free.length < count; port++) {
    if (await isPortFree(port)) free.push(port);
  }
  if (free.length < count) throw new CliError(`no ${count} free ports from ${FIRST} on`);
  return free;
}
