import { createGateway } from '../src/server.js';
import { MemoryKv } from '../src/testing/memory-kv.js';
import { realTimeEnv } from '../src/testing/real-env.js';

const env = realTimeEnv();
const gw = createGateway(env, new MemoryKv(env.clock), { port: 7998 });
await gw.listen();
