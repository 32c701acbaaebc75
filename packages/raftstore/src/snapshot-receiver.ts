import {
  type Env,
  errorMessage,
  type FileWriter,
  KvError,
  limits,
  type NetStream,
  type StreamEvents,
  type Timer,
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
    return new IncomingStream(this.#env, stream, incoming, () => this.#receiving--);
  }

  #nextFile(): string {
    return `recv-${++this.#sequence}-${this.#env.rng.u32().toString(16)}.snap`;
  }
}

/**
 * One sender's stream. Its parts are handled one after the other. A sender that sends nothing for too long, or more
 * than its window, is refused: it has one of a few places. The time that a part takes here is not the sender's.
 */
class IncomingStream implements StreamEvents {
  readonly #env: Env;
  readonly #stream: NetStream;
  readonly #incoming: Incoming;
  readonly #onEnd: () => void;
  #tail: Promise<void> = Promise.resolve();
  /** Parts that came and are not handled. */
  #waiting = 0;
  #timer: Timer | undefined;
  #isRefused = false;
  #isEnded = false;

  constructor(env: Env, stream: NetStream, incoming: Incoming, onEnd: () => void) {
    this.#env = env;
    this.#stream = stream;
    this.#incoming = incoming;
    this.#onEnd = onEnd;
    this.#await(limits.snapshotHeaderMs);
  }

  onMessage(bytes: Uint8Array): void {
    if (this.#isRefused) return;
    this.#timer?.cancel();
    this.#waiting++;
    if (this.#waiting > limits.snapshotWindowParts) {
      this.#refuse('more parts than were acknowledged');
      return;
    }
    this.#tail = this.#tail.then(() => this.#handle(bytes));
  }

  onClose(): void {
    this.#isRefused = true;
    this.#finish();
    this.#stream.end();
  }

  async #handle(bytes: Uint8Array): Promise<void> {
    if (this.#isRefused) return;
    try {
      await this.#incoming.add(bytes);
    } catch (error) {
      this.#refuse(errorMessage(error));
      return;
    }
    this.#stream.send(tinykvpeer.SnapshotAck.encode({ ok: true }));
    this.#waiting--;
    if (this.#waiting === 0) this.#await(limits.snapshotIdleMs);
  }

  #await(ms: number): void {
    if (this.#isRefused) return;
    const { clock } = this.#env;
    this.#timer = clock.after(ms, () => {
      // Parts that came while this process was busy are read first.
      clock.defer(() => {
        if (this.#waiting === 0) this.#refuse(`no part for ${ms} ms`);
      });
    });
  }

  #refuse(error: string): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#env.logger.warn('snapshot refused', { error });
    this.#stream.send(tinykvpeer.SnapshotAck.encode({ ok: false, error }));
    this.#stream.end();
    this.#finish();
  }

  /** After the part that is being handled, what is incomplete goes, and the place is free. */
  #finish(): void {
    this.#timer?.cancel();
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#tail = this.#tail
      .then(() => this.#incoming.abort())
      .catch((error: unknown) =>
        this.#env.logger.warn('snapshot file', { error: errorMessage(error) }),
      )
      .then(this.#onEnd);
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
    this.#env.faults.hit('snapshot-file-begun');
  }

  async #end(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    this.#env.faults.hit('snapshot-file-before-finish');
    await writer?.finish();
    this.#env.faults.hit('snapshot-file-finished');
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
