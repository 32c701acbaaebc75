import { commandsOf, pages, wordsOf } from './code-blocks.js';

/** Where a command of the docs runs; a text says which test, or why none. */
type How =
  /** Against one small cluster, in docs-commands.test.ts; with these words added, for its ports and sizes. */
  | { readonly run: 'here'; readonly more?: readonly string[] }
  /** In another test, or as the tool that runs the tests. */
  | { readonly run: 'elsewhere'; readonly where: string }
  | { readonly run: 'never'; readonly why: string };

const here = (...more: string[]): How => ({ run: 'here', more });
const elsewhere = (where: string): How => ({ run: 'elsewhere', where });
const never = (why: string): How => ({ run: 'never', why });

const readme = elsewhere('e2e/readme.test.ts');
const packed = elsewhere('e2e/packed.test.ts');
const isTheSuite = elsewhere('it is how this test runs');
const long = never('runs for more than a minute');
const peer = never('installs a Debian package of the peer, and takes minutes');
const simulator = elsewhere('packages/simulator/tests; a run of many seeds takes minutes');
const compiles = elsewhere('the build that launchers of this test come from');

/** Every command that README, ARCHITECTURE, CONTRIBUTING or a page of docs tells a reader to type. */
export const HOW_COMMANDS_RUN: ReadonlyMap<string, How> = new Map([
  ['make', compiles],
  [
    'make up',
    never(
      'takes the ports and the data folder of a reader who tries it; its command, tinykv playground, runs',
    ),
  ],
  ['make help', here()],
  ['make clean-data', never('removes the data of a reader')],
  ['make pack', packed],
  ['make check', isTheSuite],
  ['make test', isTheSuite],
  ['make ci', isTheSuite],
  ['make fix', never('changes the sources')],
  ['make stages', isTheSuite],
  ['make test-long', long],
  ['make test-long-txn', long],
  ['make test-long-sim', long],
  ['make test-long-sim-txn', long],
  ['make test-long-planted', long],
  ['make test-long-suites', long],
  ['make test-long-mvcc', long],
  ['make sim', simulator],
  ['make sim ARGS=--seeds 100', simulator],
  ['make bench-vs ARGS=etcd', peer],
  ['mkdir ../hello-tinykv', packed],
  ['npm install --prefix ../hello-tinykv $PWD/packed/*.tgz tsx', packed],
  ['cd ../hello-tinykv', packed],
  ['npx tsx hello.mts', packed],
  [
    'scripts/scheduler --data-dir /var/lib/tinykv/scheduler --client-urls http://127.0.0.1:2379',
    readme,
  ],
  ...[1, 2, 3].map((i): [string, How] => [
    `scripts/tinykv-server --scheduler 127.0.0.1:2379 --addr 127.0.0.1:${20_159 + i} --path /var/lib/tinykv/store-${i}`,
    readme,
  ]),
  ['scripts/tinykv-gateway --scheduler 127.0.0.1:2379 --addr 127.0.0.1:6379', readme],
  ['redis-cli -p 6379 set hello world', readme],
  ['scripts/tinykv ctl get hello --redis', readme],
  ['scripts/tinykv ctl stores', readme],
  ['tinykv-server --raft=false', elsewhere('e2e/servers.test.ts')],
  ['tinykv playground', here('--stores=1', '--engine=memory')],
  ['tinykv playground display', here()],
  ['tinykv ctl stores', here()],
  ['tinykv ctl gc show', here()],
  ['tinykv-server --scheduler … --addr HOST:NEWPORT --path NEW', here('--engine=memory')],
  ['tinykv ctl store offline ID', here()],
  ['tinykv ctl store online ID', here()],
  [
    'tinykv bench txn --mode 1pc,async,2pc --clients 1,16 --conflict 0,10',
    here('--seconds=0.1', '--warm-up=0', '--keys=64'),
  ],
  ['tinykv bench --vs etcd', peer],
  ['tinykv bench txn --vs etcd', peer],
  ['tinykv bench-memory', long],
  ['pnpm bench:vs etcd', peer],
  ['pnpm bench:vs etcd --rounds 5 --seconds 2', peer],
  ['pnpm bench txn --vs etcd --rounds 1 --seconds 1.5', peer],
  ['pnpm bench:kvs engines', long],
  ['pnpm bench:kvs executors', long],
  ['pnpm sim', simulator],
  ['pnpm sim suite', simulator],
  ['pnpm sim long', simulator],
  ['pnpm sim long --workload txn', simulator],
  ['pnpm sim planted', simulator],
  ['pnpm sim planted --table', simulator],
  ['pnpm sim --seed N --shrink', simulator],
  ['pnpm sim --seeds 100', simulator],
  ['pnpm sim --seeds 1000 --from 5000 --profile dense --workload all --keep-going', simulator],
  ['pnpm sim --seed 17 --workload txn', simulator],
  ['pnpm sim --seed 17 --workload txn --shrink', simulator],
  ['pnpm sim --plan test-long-results/seed-17-swarm-txn.json --log', simulator],
] satisfies readonly (readonly [string, How])[]);

/** The commands of all pages, without comments and quotes, each once. */
export function documentedCommands(): Set<string> {
  return new Set(
    pages()
      .flatMap(commandsOf)
      .map((line) => wordsOf(line).join(' ')),
  );
}

/** Those that the test of the cluster runs, with the words to add. */
export function commandsToRun(): ReadonlyMap<string, readonly string[]> {
  const found = [...HOW_COMMANDS_RUN].flatMap(([line, how]): [string, readonly string[]][] =>
    how.run === 'here' ? [[line, how.more ?? []]] : [],
  );
  return new Map(found);
}
