import type { NetStream, StreamEvents } from '@tinykv/base';
import { tinykvpeer } from '@tinykv/proto';
import { afterEach, vi } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { SimNet } from '../src/world/sim-net.js';

const { open } = SimNet.prototype;

/** A snapshot that a store sent into the tap. */
export interface Caught {
  readonly address: string;
  readonly frames: Uint8Array[];
  /** Tells the sender that its stream broke. */
  fail(): void;
}

/** Sees the snapshot streams that stores open, and catches them while `holds` says so: nothing arrives. */
export class SnapshotTap {
  readonly caught: Caught[] = [];
  /** Streams that were let through. */
  passed = 0;
  holds = false;

  constructor() {
    const tap = this;
    vi.spyOn(SimNet.prototype, 'open').mockImplementation(function (this: SimNet, ...args) {
      const [address, method, events] = args;
      if (method !== tinykvpeer.Peer.snapshot.path) return open.apply(this, args);
      if (tap.holds) return tap.#catch(address, events);
      tap.passed++;
      return open.apply(this, args);
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });
  }

  #catch(address: string, events: StreamEvents): NetStream {
    const frames: Uint8Array[] = [];
    this.caught.push({
      address,
      frames,
      fail: () => events.onClose({ code: 'UNAVAILABLE', message: 'the tap broke the stream' }),
    });
    return {
      bufferedBytes: 0,
      send: (message) => {
        frames.push(message.slice());
        return true;
      },
      end: () => undefined,
      destroy: () => undefined,
    };
  }
}

/** Brings a caught snapshot to a store as a stream of its own; returns what the store answered so far. */
export function deliver(node: StoreNode, { frames }: Caught): { readonly refusals: string[] } {
  const refusals: string[] = [];
  const stream: NetStream = {
    bufferedBytes: 0,
    send: (message) => {
      const { ok, error } = tinykvpeer.SnapshotAck.decode(message);
      if (!ok) refusals.push(error);
      return true;
    },
    end: () => undefined,
    destroy: () => undefined,
  };
  const handler = node.store!.services().stream.get(tinykvpeer.Peer.snapshot.path)!;
  const events = handler(stream, { address: 'tap:0' });
  for (const frame of frames) events.onMessage(frame);
  return { refusals };
}
