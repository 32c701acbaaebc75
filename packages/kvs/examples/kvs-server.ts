/**
 * Starts a server and keeps it until Ctrl-C: `tsx kvs-server.ts [root] [basic|raft] [level|log|memory] [nodes]`.
 * Its last line of output is `endpoint host:port`, which kvs-client.ts takes.
 */
import { type EngineKind, type KvsKind, KvsServer } from '@tinykv/kvs';

const [root = 'kvs-data', kind = 'raft', engine = 'level', nodes] = process.argv.slice(2);

const builder = KvsServer.builder()
  .kind(kind as KvsKind)
  .engine(engine as EngineKind)
  .root(root);
if (nodes !== undefined) builder.nodes(Number(nodes));
const server = builder.build();

const stop = new Promise((resolve) => {
  process.once('SIGINT', resolve);
  process.once('SIGTERM', resolve);
});
await server.start();
for (const { folder, address } of server.nodes) console.log(`${folder} at ${address}`);
console.log(`endpoint ${server.endpoint}`);
await stop;
await server.stop();
