/**
 * Lint rules: typescript-eslint's strictest type-checked set (a floating promise loses exactly-once), the limits that
 * keep a file one noun, and the purity of the core: no clock, no randomness, no timers, no waiting.
 *
 * No rule is ever disabled in a file: a rule that is wrong for us is changed here, with its reason.
 */
import tseslint from 'typescript-eslint'

const CLOCK_AND_CHANCE = {
  properties: [
    { object: 'Date', property: 'now', message: 'Time comes from the event or the Clock port.' },
    { object: 'Math', property: 'random', message: 'Output is a function of the log.' },
  ],
  globals: [
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'process',
    'performance',
    'crypto',
    'fetch',
  ].map((name) => ({ name, message: 'The outside world comes through src/engine/ports.ts.' })),
  syntax: [
    {
      selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
      message: 'Time comes from the event or the Clock port.',
    },
    {
      selector: 'CallExpression[callee.name="Date"]',
      message: 'Time comes from the event or the Clock port.',
    },
  ],
}

const NO_ASYNC = [
  {
    selector:
      ':matches(FunctionDeclaration, FunctionExpression, ArrowFunctionExpression)[async=true]',
    message: 'The core never waits: state is read before it and written after it.',
  },
  { selector: 'AwaitExpression', message: 'The core never waits.' },
]

const HOUSE_SYNTAX = [
  {
    selector: 'ExportDefaultDeclaration',
    message: 'Export by name, so that a thing has one name everywhere.',
  },
  {
    selector:
      ':matches(Program, ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator > :matches(ArrowFunctionExpression, FunctionExpression)',
    message: 'At the top level write `function`; arrows are for callbacks.',
  },
]

const SIZE_LIMITS = {
  'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
  'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
  'max-params': ['error', 5],
  // "modified" counts a switch once: a table of cases is not what makes a function hard to read.
  complexity: ['error', { max: 15, variant: 'modified' }],
}

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'coverage/',
      'node_modules/',
      'demo-data/',
      'stack-data/',
      '.cache/',
      '**/*.cjs',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // A loop over a typed array has no other way to say that an index is in range.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A port's method returns a promise also where one adapter has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      'no-console': 'error',
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-restricted-syntax': ['error', ...HOUSE_SYNTAX],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: { ...SIZE_LIMITS, '@typescript-eslint/explicit-module-boundary-types': 'error' },
  },
  {
    files: ['src/engine/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...CLOCK_AND_CHANCE.globals],
      'no-restricted-properties': ['error', ...CLOCK_AND_CHANCE.properties],
      'no-restricted-syntax': ['error', ...HOUSE_SYNTAX, ...CLOCK_AND_CHANCE.syntax],
    },
  },
  {
    files: ['src/core/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...CLOCK_AND_CHANCE.globals],
      'no-restricted-properties': ['error', ...CLOCK_AND_CHANCE.properties],
      'no-restricted-syntax': ['error', ...HOUSE_SYNTAX, ...CLOCK_AND_CHANCE.syntax, ...NO_ASYNC],
    },
  },
  {
    // Where data goes to stdout on purpose, and where a script is its own program.
    files: ['src/cli/**/*.ts', '{demo,bench,examples,scripts,servers,sim,storm,test}/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.test.ts', 'test/conformance/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        ...['fast-check', '@fast-check/vitest'].map((name) => ({
          name,
          message: 'test/support/properties.ts has it, with the seed of all runs.',
        })),
      ],
    },
  },
  {
    files: ['vitest.config.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
)
