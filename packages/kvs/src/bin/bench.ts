import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { benchEngines, type EngineBenchOptions } from '../bench/engines.js';
import { benchExecutors } from '../bench/executors.js';

const USAGE = `usage: bench.js engines|executors [options]

  --rounds <n>      rounds that count, of all candidates in turns (default: 5)
  --keys <n>        different keys, and operations of a round (default: 20000)
  --value-size <n>  bytes of a value (default: 256)
  --folder <path>   where the engines have their files (default: the temporary folder)
`;

const benches: Readonly<Record<string, (options: EngineBenchOptions) => Promise<void>>> = {
  engines: benchEngines,
  executors: benchExecutors,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    keys: { type: 'string', default: '20000' },
    'value-size': { type: 'string', default: '256' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const bench = benches[positionals[0] ?? ''];
const numbers = [values.rounds, values.keys, values['value-size']].map(Number);
if (bench === undefined || numbers.some((value) => !Number.isInteger(value) || value < 1)) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  const [rounds, keys, valueBytes] = numbers as [number, number, number];
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  await bench({ rounds, keys, valueBytes, folder: values.folder, print });
}
