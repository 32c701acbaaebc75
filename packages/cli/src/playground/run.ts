import { mkdirSync } from 'node:fs';
import { KvError } from '@tinykv/base';
import { type FolderLock, lockFolder } from '@tinykv/engine';
import { EXIT } from '@tinykv/server';
import { CliError } from '../program.js';
import { storesOnDisk } from './cluster.js';
import { askControl } from './control.js';
import { Playground, type PlaygroundOptions } from './playground.js';
import { type ChosenPorts, choosePorts, portBlock, STORES_MAX, takenPorts } from './ports.js';

/** Chooses ports, says what it chose, and runs the playground to its end. */
export async function runPlayground(options: PlaygroundOptions): Promise<number> {
  const { folders, print, tag } = options;
  if ((await askControl(folders.socket, { command: 'display' })) !== undefined) {
    const stop = `stop it (tinykv playground stop${tag === 'default' ? '' : ` --tag ${tag}`})`;
    throw new CliError(
      `a playground with the tag ${tag} is running: ${stop}, or choose another --tag`,
    );
  }
  const lock = await lockData(folders.dataDir);
  try {
    const stores = storesToStart(options);
    const ports = await portsFor(options, stores);
    const { block } = ports;
    print(
      `ports: scheduler ${block.scheduler}, gateway ${block.gateway}, stores ${block.stores[0]}…`,
    );
    print(`data: ${folders.dataDir}`);
    return await new Playground(options, ports, stores).run();
  } finally {
    await lock.release();
  }
}

/** A playground writes logs before its processes take their own folders: the whole is taken first. */
async function lockData(dataDir: string): Promise<FolderLock> {
  try {
    mkdirSync(dataDir, { recursive: true });
    return await lockFolder(dataDir);
  } catch (error) {
    if (!(error instanceof KvError && error.code === 'FAILED_PRECONDITION')) throw error;
    const way = 'end the playground that runs there, or choose another --data';
    throw new CliError(`${error.message}: ${way}`);
  }
}

function storesToStart({ folders, print, stores: wanted }: PlaygroundOptions): number {
  const stores = Math.max(wanted, storesOnDisk(folders.dataDir));
  if (stores > wanted) print(`${folders.dataDir} holds ${stores} stores: starting all of them`);
  if (stores <= STORES_MAX) return stores;
  throw new CliError(`a playground has at most ${STORES_MAX} stores`, EXIT.usage);
}

/** Ports that somebody named must be had; the default ones give way to the next free block. */
async function portsFor(
  { portBase, print }: PlaygroundOptions,
  stores: number,
): Promise<ChosenPorts> {
  if (portBase !== undefined) {
    const block = portBlock(portBase, 0);
    const taken = await takenPorts(block, stores);
    if (taken.length === 0) return { block, taken };
    const way = 'end what listens there, or choose another --port-base';
    throw new CliError(`taken: ports ${taken.join(', ')}: ${way}`);
  }
  const ports = await choosePorts(undefined, stores);
  if (ports === undefined) throw new CliError('no free block of ports: choose a --port-base');
  const taken = ports.taken.join(', ');
  if (taken !== '') print(`taken: ports ${taken}; using the next free block instead`);
  return ports;
}
