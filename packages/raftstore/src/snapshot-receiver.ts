import {
  type Env,
  errorMessage,
  type FileWriter,
  KvError,
  limits,
  type NetStream,
  type StreamEvents,
} from '@tinykv/base';
import { tinykvpeer } from '@tinykv/proto';
import type { Envelope } from './envelope.js';
import { SnapshotChecker } from './snapshot-format.js';

/** What the receiver asks of the store. */
export interface SnapshotHost {
  readonly clusterId: number;
  /** Why a snapshot with this header is not wanted, or undefined. Called before anything is written. */
  refuse(envelope: Envelope): string | undefined;
  /** The whole snapshot is in the file. Rejects when the file is not taken, and removes it. */
  received(envelope: Envelope, file: string): Promise<void>;
}

/** Takes snapshots from other stores into files, verifying each part as it comes. */
export class SnapshotReceiver {
  readonly #env: Env;
  readonly #host: SnapshotHost;
  #receiving = 0;
  #sequence = 0;

  constructor(env: Env, host: SnapshotHost) {
    this.#env = env;
    this.#host = host;
  }

  get receiving(): number {
    return this.#receiving;
  }

  /** The handler of one snapshot stream. */
  accept(stream: NetStream): StreamEvents {
    if (this.#receiving >= limits.snapshotsReceivingMax) {
      stream.send(
        tinykvpeer.SnapshotAck.encode({ ok: false, error: 'too many snapshots at once' }),
      );
      stream.end();
      return { onMessage: () => undefined, onClose: () => undefined };
    }
    this.#receiving++;
    const incoming = new Incoming(this.#env, this.#host, () => this.#nextFile());
    // Parts are handled one after the other; the sender's window bounds how many wait.
    let tail: Promise<void> = Promise.resolve();
    let ended = false;
    const finish = (): void => {
      if (ended) return;
      ended = true;
      this.#receiving--;
    };
    const handle = async (bytes: Uint8Array): Promise<void> => {
      if (ended) return;
      try {
        await incoming.add(bytes);
        stream.send(tinykvpeer.SnapshotAck.encode({ ok: true }));
      } catch (error) {
        this.#env.logger.warn('snapshot refused', { error: errorMessage(error) });
        stream.send(tinykvpeer.SnapshotAck.encode({ ok: false, error: errorMessage(error) }));
        stream.end();
        await incoming.abort();
        finish();
      }
    };
    return {
      onMessage: (bytes) => {
        tail = tail.then(() => handle(bytes));
      },
      onClose: () => {
        tail = tail.then(() => incoming.abort()).then(finish);
        stream.end();
      },
    };
  }

  #nextFile(): string {
    return `recv-${++this.#sequence}-${this.#env.rng.u32().toString(16)}.snap`;
  }
}

class Incoming {
  readonly #env: Env;
  readonly #host: SnapshotHost;
  readonly #checker = new SnapshotChecker();
  readonly #name: () => string;
  #envelope: Envelope | undefined;
  #file: string | undefined;
  #writer: FileWriter | undefined;

  constructor(env: Env, host: SnapshotHost, name: () => string) {
    this.#env = env;
    this.#host = host;
    this.#name = name;
  }

  async add(bytes: Uint8Array): Promise<void> {
    const frame = tinykvpeer.SnapshotFrame.decode(bytes);
    if (frame.clusterId !== this.#host.clusterId) {
      throw new KvError('FAILED_PRECONDITION', `mismatch cluster id ${frame.clusterId}`);
    }
    const part = this.#checker.add(frame.data);
    if (part.kind === 'header') await this.#begin(part.envelope);
    if (this.#writer === undefined)
      throw new KvError('INVALID_ARGUMENT', 'snapshot without header');
    await this.#writer.write(frame.data);
    if (part.kind === 'end') await this.#end();
  }

  async #begin(envelope: Envelope): Promise<void> {
    if (this.#envelope !== undefined) throw new KvError('INVALID_ARGUMENT', 'second header');
    const refusal = this.#host.refuse(envelope);
    if (refusal !== undefined) throw new KvError('FAILED_PRECONDITION', refusal);
    this.#envelope = envelope;
    this.#file = this.#name();
    this.#writer = await this.#env.fs.openWrite(this.#file);
  }

  async #end(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.finish();
    const file = this.#file!;
    this.#file = undefined;
    await this.#host.received(this.#envelope!, file);
  }

  /** Removes what is incomplete. */
  async abort(): Promise<void> {
    const writer = this.#writer;
    const file = this.#file;
    this.#writer = undefined;
    this.#file = undefined;
    await writer?.abort();
    if (file !== undefined) await this.#env.fs.remove(file);
  }
}
