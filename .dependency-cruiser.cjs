/**
 * Who may import whom. The core is arithmetic; the engine drives it through ports and knows no vendor; an adapter knows
 * its own vendor and no other adapter; only the command line puts them together.
 *
 * `npm run depcruise` enforces it; test/boundaries.test.ts sees that every planted violation is found.
 */
const ADAPTERS =
  'leveldb|duckdb|memory|table|source|archive|format|rejects|definition|kafka|redis|registry|s3|checkpoint|metrics|http'

/** Vendor packages and the one folder that may import each. */
const VENDORS = {
  leveldb: 'classic-level|abstract-level',
  duckdb: '@duckdb/node-api|@duckdb/node-bindings',
  definition: 'zod|yaml|fastest-levenshtein',
  format: 'avsc|lossless-json',
  kafka: 'kafkajs|snappyjs|lz4js|@bokuweb/zstd-wasm',
  redis: 'ioredis',
  s3: '@aws-sdk/client-s3',
  metrics: 'prom-client',
  cli: 'commander|cli-progress|cli-table3|pino|pino-pretty',
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Two files that import each other are one file.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-is-pure',
      severity: 'error',
      comment:
        'The core imports the core and errors.ts, nothing else: no node built-in, no package.',
      from: { path: '^src/(core/|errors\\.ts$)' },
      to: { pathNot: '^src/(core/|errors\\.ts$)' },
    },
    {
      name: 'engine-knows-no-vendor',
      severity: 'error',
      comment:
        'The engine imports the core, errors.ts and its own folder; adapters come in as arguments.',
      from: { path: '^src/engine/' },
      to: { pathNot: '^src/(core/|engine/|errors\\.ts$)' },
    },
    {
      name: 'adapters-see-only-the-ports',
      severity: 'error',
      comment: 'Of the engine an adapter knows ports.ts.',
      from: { path: `^src/(${ADAPTERS})/`, pathNot: '^src/(metrics|http)/' },
      to: {
        path: '^src/engine/',
        pathNot:
          '^src/engine/(amended-port|archive-port|checkpoint-port|hand-over-port|ports|reject-port)\\.ts$',
      },
    },
    {
      name: 'replay-knows-no-vendor',
      severity: 'error',
      comment:
        'A replay is the engine with other parts: tables, databases and states on disk come in as arguments.',
      from: { path: '^src/replay/' },
      to: { pathNot: '^src/(core/|engine/|replay/|storage/object-storage\\.ts$|errors\\.ts$)' },
    },
    {
      name: 'watchers-see-where-a-run-stands',
      severity: 'error',
      comment:
        'Metrics and health read the progress of a run; of the engine they know nothing that acts.',
      from: { path: '^src/(metrics|http)/' },
      to: { path: '^src/engine/', pathNot: '^src/engine/(ports|reject-port|parts|meters)\\.ts$' },
    },
    {
      name: 'adapters-do-not-know-each-other',
      severity: 'error',
      comment: 'What two adapters share is a port or belongs to the core.',
      from: { path: `^src/(${ADAPTERS})/` },
      to: { path: `^src/(${ADAPTERS})/`, pathNot: '^src/$1/' },
    },
    {
      name: 'nobody-imports-the-cli',
      severity: 'error',
      comment: 'The command line is the composition root.',
      from: { pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    ...Object.entries(VENDORS).map(([folder, packages]) => ({
      name: `vendors-of-${folder}`,
      severity: 'error',
      comment: `Only src/${folder} imports ${packages.replaceAll('|', ', ')}.`,
      from: { pathNot: `^src/${folder}/` },
      to: { path: `(^|/)node_modules/(${packages})/` },
    })),
    {
      name: 'every-vendor-has-its-folder',
      severity: 'error',
      comment: 'A new package is added to the list of vendors above.',
      from: { path: '^src/' },
      to: {
        path: '(^|/)node_modules/',
        pathNot: `(^|/)node_modules/(${Object.values(VENDORS).join('|')})/`,
      },
    },
    {
      name: 'nothing-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
