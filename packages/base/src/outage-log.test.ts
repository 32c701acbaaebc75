import { expect, it } from 'vitest';
import { OutageLog } from './outage-log.js';
import { fakeEnv } from './testing/index.js';

it('an outage is one line at its start, one a minute, and one at its end', () => {
  const env = fakeEnv();
  const log = new OutageLog(env, 'no scheduler');
  log.worked();
  for (let second = 0; second < 90; second++) {
    log.failed({ error: 'refused' });
    env.clock.advance(1_000);
  }
  log.worked();
  log.worked();
  expect(env.logger.lines.map(({ level, message, fields }) => [level, message, fields])).toEqual([
    ['warn', 'no scheduler', { error: 'refused' }],
    ['warn', 'no scheduler', { error: 'refused', failures: 61 }],
    ['info', 'no scheduler: over', { failures: 90, lastedMs: 90_000 }],
  ]);
  log.failed({ error: 'refused' });
  expect(env.logger.lines).toHaveLength(4);
});
