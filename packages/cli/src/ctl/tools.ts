import { type Env, fromHex, utf8 } from '@tinykv/base';
import { Client, SchedulerClient } from '@tinykv/client';
import { EXIT } from '@tinykv/server';
import type { Command } from 'commander';
import { CliError } from '../program.js';
import { type ClusterFlags, type FoundCluster, findCluster } from './find-cluster.js';
import { toJson } from './format.js';
import { repeat } from './watch.js';

/** Options of every command of `ctl`, and the cluster that they mean. */
export interface CtlOptions extends FoundCluster {
  readonly json?: boolean;
  readonly hex?: boolean;
  /** Seconds. */
  readonly watch?: number;
}

type Given = Omit<CtlOptions, keyof FoundCluster> & ClusterFlags;

/** What the commands of `ctl` are made with. */
export class CtlTools {
  readonly #openEnv: () => Env;
  readonly #finish: (code: number) => void;

  constructor(openEnv: () => Env, finish: (code: number) => void) {
    this.#openEnv = openEnv;
    this.#finish = finish;
  }

  /** Runs `work` on a connection to the scheduler, again and again with `--watch`; its result is the exit code. */
  async onScheduler(
    command: Command,
    work: (client: SchedulerClient, options: CtlOptions) => Promise<number>,
  ): Promise<void> {
    const options = await optionsOf(command);
    const env = this.#openEnv();
    const client = await SchedulerClient.connect(env, options.scheduler.split(','));
    try {
      const once = (): Promise<number> => work(client, options);
      this.#finish(await (options.watch === undefined ? once() : repeat(once, options.watch)));
    } finally {
      client.close();
    }
  }

  /** Runs `work` with a client of the cluster; its result is the exit code. */
  async onCluster(
    command: Command,
    work: (client: Client, options: CtlOptions) => Promise<number>,
  ): Promise<void> {
    const options = await optionsOf(command);
    const client = await Client.connect(this.#openEnv(), { scheduler: options.scheduler });
    try {
      this.#finish(await work(client, options));
    } finally {
      await client.close();
    }
  }
}

async function optionsOf(command: Command): Promise<CtlOptions> {
  const { scheduler, tag, ...given } = command.optsWithGlobals<Given>();
  return { ...given, ...(await findCluster({ scheduler, tag })) };
}

/** UTF-8, or hexadecimal with `--hex`. */
export function parseKey(text: string, { hex }: Pick<CtlOptions, 'hex'>): Uint8Array {
  if (hex !== true) return utf8(text);
  const bytes = fromHex(text);
  if (bytes === undefined) throw new CliError(`"${text}" is not hexadecimal`, EXIT.usage);
  return bytes;
}

/** One result: a value for programs, or a text for people. */
export function print({ json }: Pick<CtlOptions, 'json'>, value: unknown, text: string): void {
  process.stdout.write(`${json === true ? toJson(value) : text}\n`);
}
