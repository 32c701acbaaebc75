// The layer table of ARCHITECTURE.md: a package imports only from strictly lower layers, siblings never.
const layers = [
  ['base'],
  ['raft', 'model'],
  ['proto', 'engine', 'env-real', 'replica'],
  ['raftstore', 'txn', 'client', 'scheduler', 'coprocessor'],
  ['gateway', 'server'],
  ['simulator', 'kvs'],
  ['cli'],
];

const any = (names) => `^packages/(${names.join('|')})/`;
const tests = '\\.test\\.ts$|/tests/|/testing/|/conformance/';

const layerRules = layers.flatMap((names, level) => {
  const above = layers.slice(level).flat();
  return names.map((name) => ({
    name: `layer-${name}`,
    comment: `${name} may import only packages of lower layers`,
    severity: 'error',
    from: { path: `^packages/${name}/src/`, pathNot: tests },
    to: { path: any(above.filter((other) => other !== name)) },
  }));
});

// Who may name `node:*`: the edges. Everything else reaches the world through Env.
const nodeAllowed = [
  '^packages/(env-real|engine|kvs|cli)/',
  '^packages/server/src/(?!store/)',
  '^packages/gateway/src/server\\.ts$',
  '^packages/simulator/src/(bin|real)/',
  '^packages/[^/]+/(tests|scripts|src/testing)/',
  '^scripts/',
  '^vitest\\.config\\.ts$',
  '\\.test\\.ts$',
];

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'helpers of tests may know each other',
      severity: 'error',
      from: { pathNot: '/tests/' },
      to: { circular: true },
    },
    ...layerRules,
    {
      name: 'node-at-the-edges',
      comment: 'time, files and sockets come in through Env (packages/base/src/env.ts)',
      severity: 'error',
      from: { path: '^packages/', pathNot: nodeAllowed },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'client-env-only-in-connect',
      comment: 'the client runs on any Env; only its public entry fills in the real one',
      severity: 'error',
      from: {
        path: '^packages/client/src/',
        pathNot: ['^packages/client/src/connect\\.ts$', tests],
      },
      to: { path: '^packages/env-real/' },
    },
    {
      name: 'store-has-no-edge',
      comment: 'server/store runs in the simulator too',
      severity: 'error',
      from: { path: '^packages/server/src/store/', pathNot: tests },
      to: { path: ['^packages/env-real/', '^packages/server/src/(?!store/)'] },
    },
    {
      name: 'pure-decisions',
      comment: 'transaction decisions and scheduling policies import only base and model',
      severity: 'error',
      from: { path: '^packages/(txn/src/mvcc|scheduler/src/policy)/', pathNot: tests },
      to: {
        path: '^packages/',
        pathNot: [
          '^packages/(base|model)/',
          '^packages/txn/src/mvcc/',
          '^packages/scheduler/src/policy/',
        ],
      },
    },
    {
      name: 'no-import-of-tests',
      severity: 'error',
      from: { pathNot: tests },
      to: { path: '\\.test\\.ts$|^packages/[^/]+/tests/' },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/|/gen/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@tinykv/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
