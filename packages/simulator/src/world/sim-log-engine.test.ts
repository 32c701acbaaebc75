import { kvEngineConformance } from '@tinykv/engine/conformance';
import { engineUnderTest } from '../testing/engine-under-test.js';
import { SimLogEngine } from './sim-log-engine.js';

kvEngineConformance('LogEngine on a simulated disk', () =>
  engineUnderTest((disk) => new SimLogEngine(disk)),
);
