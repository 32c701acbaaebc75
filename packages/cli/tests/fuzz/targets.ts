import type { Rpc } from './schema.js';

export type Server = 'store' | 'scheduler';

/** Which process serves a service: a new one must be given its place here, or no run begins. */
const servers: Readonly<Record<string, Server>> = {
  'schedulerpb.Scheduler': 'scheduler',
  'tinykvadmin.Admin': 'scheduler',
  'tinykvpb.TinyKv': 'store',
  'tinykvpeer.Peer': 'store',
  'tinykvstream.Batch': 'store',
  'tinykvtxn.Txn': 'store',
};

export function serverOf({ service }: Rpc): Server {
  const server = servers[service];
  if (server === undefined) throw new Error(`nobody is known to serve ${service}`);
  return server;
}
