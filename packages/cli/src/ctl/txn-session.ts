import { type Awaitable, EMPTY_BYTES, fromUtf8 } from '@tinykv/base';
import type { Transactions, Txn } from '@tinykv/client';
import { LineError, wordsOf } from './command-line.js';
import { showBytes, timeOf } from './mvcc.js';
import type { CtlOptions } from './tools.js';
import { parseKey } from './tools.js';

/** What a line came to: a value for programs and a text for people. */
export interface LineResult {
  readonly value: unknown;
  readonly text: string;
}

type Arguments = readonly Uint8Array[];

interface Verb {
  readonly usage: string;
  readonly doc: string;
  readonly least: number;
  readonly most: number;
}

const VERBS = {
  begin: {
    usage: 'begin [pessimistic]',
    doc: 'begins a transaction; a pessimistic one locks keys at once',
    least: 0,
    most: 1,
  },
  get: { usage: 'get KEY', doc: 'the value of a key', least: 1, most: 1 },
  put: { usage: 'put KEY VALUE', doc: 'writes a key', least: 2, most: 2 },
  delete: { usage: 'delete KEY', doc: 'deletes a key', least: 1, most: 1 },
  scan: {
    usage: 'scan START [END] [LIMIT]',
    doc: `pairs in key order, the end exclusive, "" for none (limit: 20)`,
    least: 1,
    most: 3,
  },
  lock: {
    usage: 'lock KEY…',
    doc: 'no other shall write these keys: the commit fails, or the other waits',
    least: 1,
    most: Number.POSITIVE_INFINITY,
  },
  commit: { usage: 'commit', doc: 'commits the transaction', least: 0, most: 0 },
  rollback: { usage: 'rollback', doc: 'forgets the transaction', least: 0, most: 0 },
  help: { usage: 'help', doc: 'these lines', least: 0, most: 0 },
} as const satisfies Readonly<Record<string, Verb>>;

type VerbName = keyof typeof VERBS;

const SCAN_LIMIT = 20;

export const VERBS_HELP: string = Object.values<Verb>(VERBS)
  .map(({ usage, doc }) => `  ${usage.padEnd(26)}${doc}`)
  .join('\n');

/** A transaction that is worked on line by line. */
export class TxnSession {
  readonly #client: Transactions;
  readonly #options: CtlOptions;
  #txn: Txn | undefined;
  #writes = 0;

  constructor(client: Transactions, options: CtlOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Undefined: no transaction is open. */
  get startTs(): bigint | undefined {
    return this.#txn?.startTs;
  }

  /** Undefined for an empty line. Throws {@link LineError} and what the client throws. */
  async run(line: string): Promise<LineResult | undefined> {
    const [name, ...given] = wordsOf(line);
    if (name === undefined) return undefined;
    const verb = fromUtf8(name);
    if (!isVerb(verb)) {
      throw new LineError(`no such command: ${verb}; there are ${Object.keys(VERBS).join(', ')}`);
    }
    const { least, most, usage }: Verb = VERBS[verb];
    if (given.length < least || given.length > most) throw new LineError(`usage: ${usage}`);
    return this.#run(verb, given);
  }

  /** At the end of the input: the text says what was thrown away. */
  end(): LineResult | undefined {
    if (this.#txn === undefined) return undefined;
    const { text, value } = this.#rollback();
    return { value, text: `${text}: the input ended without a commit` };
  }

  #run(verb: VerbName, given: Arguments): LineResult | Promise<LineResult> {
    switch (verb) {
      case 'begin':
        return this.#begin(given[0] && fromUtf8(given[0]));
      case 'get':
        return this.#get(this.#bytes(given[0]!));
      case 'put':
        return this.#write((txn) => txn.put(this.#bytes(given[0]!), this.#bytes(given[1]!)));
      case 'delete':
        return this.#write((txn) => txn.delete(this.#bytes(given[0]!)));
      case 'scan':
        return this.#scan(given);
      case 'lock':
        return this.#write((txn) => txn.lockKeys(...given.map((word) => this.#bytes(word))));
      case 'commit':
        return this.#commit();
      case 'rollback':
        return this.#rollback();
      case 'help':
        return { value: Object.keys(VERBS), text: VERBS_HELP };
    }
  }

  async #begin(kind: string | undefined): Promise<LineResult> {
    if (kind !== undefined && kind !== 'pessimistic')
      throw new LineError(`usage: ${VERBS.begin.usage}`);
    if (this.#txn !== undefined) {
      throw new LineError(`transaction ${this.#txn.startTs} is open: commit or rollback`);
    }
    this.#txn = await this.#client.begin({ pessimistic: kind === 'pessimistic' });
    this.#writes = 0;
    const { startTs } = this.#txn;
    return { value: { startTs }, text: `begun at ${startTs} (${timeOf(startTs)})` };
  }

  async #get(key: Uint8Array): Promise<LineResult> {
    const value = await this.#open().get(key);
    if (value === undefined) return { value: null, text: 'there is no such key' };
    return { value: { value }, text: showBytes(value, this.#options) };
  }

  async #scan([from, to, limit]: Arguments): Promise<LineResult> {
    const most = limit === undefined ? SCAN_LIMIT : Number(fromUtf8(limit));
    if (!Number.isSafeInteger(most) || most < 1)
      throw new LineError('the limit must be above zero');
    const end = to === undefined ? EMPTY_BYTES : this.#bytes(to);
    const pairs = await this.#open().scan(this.#bytes(from!), { end, limit: most });
    const lines = pairs.map(({ key, value }) => {
      return `${showBytes(key, this.#options)} = ${showBytes(value, this.#options)}`;
    });
    return { value: { pairs }, text: [...lines, `${pairs.length} pairs`].join('\n') };
  }

  async #write(change: (txn: Txn) => Awaitable<void>): Promise<LineResult> {
    await change(this.#open());
    this.#writes++;
    return { value: { ok: true }, text: 'ok' };
  }

  /** Whatever comes of it, the transaction is over. */
  async #commit(): Promise<LineResult> {
    const txn = this.#open();
    this.#txn = undefined;
    const commitTs = await txn.commit();
    return { value: { commitTs }, text: `committed at ${commitTs} (${timeOf(commitTs)})` };
  }

  #rollback(): LineResult {
    this.#open().rollback();
    this.#txn = undefined;
    const value = { rolledBack: true, writes: this.#writes };
    return { value, text: `rolled back, with ${this.#writes} writes` };
  }

  #open(): Txn {
    if (this.#txn === undefined) throw new LineError('no transaction is open: begin one');
    return this.#txn;
  }

  #bytes(word: Uint8Array): Uint8Array {
    return this.#options.hex === true ? parseKey(fromUtf8(word), this.#options) : word;
  }
}

function isVerb(text: string): text is VerbName {
  return Object.hasOwn(VERBS, text);
}
