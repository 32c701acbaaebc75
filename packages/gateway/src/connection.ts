/** A client's byte stream, as the gateway sees it: a socket in production, a script in tests. */
export interface Connection {
  /** host:port of the client and of this end. */
  readonly address: string;
  readonly localAddress: string;
  /** Bytes that were written and have not left. */
  readonly bufferedBytes: number;
  /** Takes the bytes, which the caller gives away. False: write no more before `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** Closes after what was written. */
  end(): void;
  /** Drops the connection at once. */
  destroy(): void;
  /** Stops and restarts the flow of `onData`. */
  pause(): void;
  resume(): void;
}

/** What the gateway does with a connection's events. */
export interface ConnectionEvents {
  onData(bytes: Uint8Array): void;
  onDrain(): void;
  /** The client sends nothing more, but still reads. */
  onEnd(): void;
  /** Called once; nothing follows. */
  onClose(): void;
}
