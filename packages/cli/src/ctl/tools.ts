import { type Env, fromHex, utf8 } from '@tinykv/base';
import { Client, SchedulerClient } from '@tinykv/client';
import { EXIT } from '@tinykv/server';
import type { Command } from 'commander';
import { CliError } from '../program.js';
import { toJson } from './format.js';

/** Options of every command of `ctl`. */
export interface CtlOptions {
  readonly scheduler: string;
  readonly json?: boolean;
  readonly hex?: boolean;
}

/** What the commands of `ctl` are made with. */
export class CtlTools {
  readonly #openEnv: () => Env;
  readonly #finish: (code: number) => void;

  constructor(openEnv: () => Env, finish: (code: number) => void) {
    this.#openEnv = openEnv;
    this.#finish = finish;
  }

  /** Runs `work` on a connection to the scheduler; its result is the exit code. */
  async onScheduler(
    command: Command,
    work: (client: SchedulerClient, options: CtlOptions, env: Env) => Promise<number>,
  ): Promise<void> {
    const options = command.optsWithGlobals<CtlOptions>();
    const env = this.#openEnv();
    const client = await SchedulerClient.connect(env, options.scheduler.split(','));
    try {
      this.#finish(await work(client, options, env));
    } finally {
      client.close();
    }
  }

  /** Runs `work` with a client of the cluster; its result is the exit code. */
  async onCluster(
    command: Command,
    work: (client: Client, options: CtlOptions) => Promise<number>,
  ): Promise<void> {
    const options = command.optsWithGlobals<CtlOptions>();
    const client = await Client.connect(this.#openEnv(), { scheduler: options.scheduler });
    try {
      this.#finish(await work(client, options));
    } finally {
      await client.close();
    }
  }
}

/** UTF-8, or hexadecimal with `--hex`. */
export function parseKey(text: string, { hex }: CtlOptions): Uint8Array {
  if (hex !== true) return utf8(text);
  const bytes = fromHex(text);
  if (bytes === undefined) throw new CliError(`"${text}" is not hexadecimal`, EXIT.usage);
  return bytes;
}

/** One result: a value for programs, or a text for people. */
export function print({ json }: CtlOptions, value: unknown, text: string): void {
  process.stdout.write(`${json === true ? toJson(value) : text}\n`);
}
