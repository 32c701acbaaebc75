import type { MessageCodec } from './codec.js';

/** One rpc of a service. */
export interface Method<
  Request,
  Response,
  ClientStream extends boolean = boolean,
  ServerStream extends boolean = boolean,
> {
  /** `tinykvpb.TinyKv`. */
  readonly service: string;
  /** `KvGet`. */
  readonly name: string;
  /** `/tinykvpb.TinyKv/KvGet`. */
  readonly path: string;
  readonly request: MessageCodec<Request>;
  readonly response: MessageCodec<Response>;
  readonly clientStream: ClientStream;
  readonly serverStream: ServerStream;
}

export type UnaryMethod<Request, Response> = Method<Request, Response, false, false>;
export type ClientStreamMethod<Request, Response> = Method<Request, Response, true, false>;
export type BidiMethod<Request, Response> = Method<Request, Response, true, true>;
