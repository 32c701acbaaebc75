import type { Env, FileReader, FileWriter, Fs, NetStream } from '@tinykv/base';
import type { FakeEnv } from '@tinykv/base/testing';

/** An environment that can be taken away at once, as `kill -9` does: nothing of it runs any more. */
export class MortalEnv {
  readonly env: Env;
  #dead = false;
  readonly #streams = new Set<NetStream>();

  constructor(fake: FakeEnv) {
    const guard =
      (fn: () => void): (() => void) =>
      () => {
        if (!this.#dead) fn();
      };
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
          const stream = fake.net.open(address, method, {
            onMessage: (bytes) => {
              if (!this.#dead) events.onMessage(bytes);
            },
            onClose: (error) => {
              this.#streams.delete(stream);
              if (!this.#dead) events.onClose(error);
            },
          });
          this.#streams.add(stream);
          return stream;
        },
      },
      fs: this.#mortalFs(fake.fs),
    };
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

  kill(): void {
    this.#dead = true;
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
  }
}
