import type {
  Env,
  FileReader,
  FileWriter,
  Fs,
  NetStream,
  ServiceTable,
  StreamEvents,
} from '@tinykv/base';
import type { FakeEnv } from '@tinykv/base/testing';

/**
 * An environment that can be taken away at once, as `kill -9` does: nothing of it runs any more. It can also stand
 * still, as `kill -STOP` does: time goes on, and what comes in or falls due meanwhile waits for `thaw`.
 */
export class MortalEnv {
  readonly env: Env;
  #dead = false;
  readonly #streams = new Set<NetStream>();
  /** Work that waits for `thaw`, in order; undefined while the process runs. */
  #held: (() => void)[] | undefined;

  constructor(fake: FakeEnv) {
    const guard =
      (fn: () => void): (() => void) =>
      () =>
        this.#run(fn);
    this.env = {
      ...fake,
      clock: {
        mono: () => fake.clock.mono(),
        wall: () => fake.clock.wall(),
        after: (ms, fn) => fake.clock.after(ms, guard(fn)),
        defer: (fn) => fake.clock.defer(guard(fn)),
      },
      net: {
        call: (...args) => fake.net.call(...args),
        serve: (...args) => fake.net.serve(...args),
        open: (address, method, events) => {
          const guarded = this.#guarded(events);
          const stream = fake.net.open(address, method, {
            ...guarded,
            onClose: (error) => {
              this.#streams.delete(stream);
              guarded.onClose(error);
            },
          });
          this.#streams.add(stream);
          return stream;
        },
      },
      fs: this.#mortalFs(fake.fs),
    };
  }

  #run(fn: () => void): void {
    if (this.#dead) return;
    if (this.#held === undefined) fn();
    else this.#held.push(fn);
  }

  #guarded(events: StreamEvents): StreamEvents {
    return {
      ...events,
      onMessage: (bytes) => this.#run(() => events.onMessage(bytes)),
      onClose: (error) => this.#run(() => events.onClose(error)),
    };
  }

  /** Handlers of streams that others open to this process. */
  streams(table: ServiceTable['stream']): ServiceTable['stream'] {
    return new Map(
      [...table].map(([method, handler]) => [
        method,
        (stream, peer) => this.#guarded(handler(stream, peer)),
      ]),
    );
  }

  /** Work on files hangs for ever in a process that is no more. */
  #mortalFs(fs: Fs): Fs {
    const live = <T>(promise: Promise<T>): Promise<T> =>
      this.#dead ? new Promise<T>(() => undefined) : promise;
    return {
      readFile: (path) => live(fs.readFile(path)),
      writeFileAtomic: (path, bytes) => live(fs.writeFileAtomic(path, bytes)),
      openRead: (path): Promise<FileReader> => live(fs.openRead(path)),
      openWrite: async (path): Promise<FileWriter> => {
        const writer = await live(fs.openWrite(path));
        return {
          write: (bytes) => live(writer.write(bytes)),
          finish: () => live(writer.finish()),
          abort: () => live(writer.abort()),
        };
      },
      list: (folder) => live(fs.list(folder)),
      remove: (path) => live(fs.remove(path)),
      space: () => live(fs.space()),
    };
  }

  get dead(): boolean {
    return this.#dead;
  }

  freeze(): void {
    this.#held ??= [];
  }

  /** Lets the process go on: what waited runs first, in order. */
  thaw(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const fn of held) this.#run(fn);
  }

  kill(): void {
    this.#dead = true;
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
  }
}
