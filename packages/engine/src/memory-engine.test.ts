import { kvEngineConformance } from './conformance/kv-engine.js';
import { MemoryEngine } from './memory-engine.js';

kvEngineConformance('MemoryEngine', async () => ({
  engine: new MemoryEngine(),
  cleanup: async () => {},
}));
