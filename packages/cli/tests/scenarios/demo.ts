/** `scripts/demo-failover`, `demo-bank`, `demo-scale`: one scenario in full size, with its figures printed. */
import { runBank } from './bank.js';
import { runFailover } from './failover.js';
import { runScale } from './scale.js';
import { bankSizes, failoverSizes, scaleSizes } from './sizes.js';

const print = (line: string): void => console.log(line);

async function run(name: string): Promise<{ result: object; isGood: boolean }> {
  switch (name) {
    case 'failover': {
      const result = await runFailover({ ...failoverSizes(true), print });
      return { result, isGood: result.lost.length === 0 && result.miscounted.length === 0 };
    }
    case 'bank': {
      const result = await runBank({ ...bankSizes(true), print });
      return { result, isGood: result.wrongTotals.length === 0 };
    }
    case 'scale': {
      const result = await runScale({ ...scaleSizes(true), print });
      return { result, isGood: result.isSame && result.underReplicated.length === 0 };
    }
    default:
      throw new Error(`no such scenario: ${name}; there are failover, bank, scale`);
  }
}

const { result, isGood } = await run(process.argv[2] ?? '');
print(JSON.stringify(result, undefined, 2));
print(isGood ? 'good' : 'NOT GOOD');
process.exit(isGood ? 0 : 1);
