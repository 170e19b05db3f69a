import tseslint from 'typescript-eslint'

const pure = ['src/domain/**', 'src/policy/**', 'src/messages/**']
const synchronous = [
  { selector: 'AwaitExpression', message: 'the core is synchronous' },
  { selector: ':function[async=true]', message: 'the core is synchronous' }
]
/** As JWK, Node may wait for itself for ever (openpgp/encrypt.ts). */
const jwkExports = [
  {
    selector:
      "CallExpression[callee.property.name='export'] Property[key.name='format'][value.value='jwk']",
    message: 'Export as spki.'
  }
]

const clockReads = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'take `now` as a parameter'
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'take `now` as a parameter'
  }
]
const noModuleMocks = [
  {
    selector: "MemberExpression[object.name='vi'][property.name='mock']",
    message: 'test with the real module'
  }
]

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'demo-mail', 'bench-results'] },
  {
    files: ['src/**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname }
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }
      ],
      '@typescript-eslint/consistent-type-definitions': ['error', 'type'],
      'max-lines': ['error', { max: 400, skipComments: true, skipBlankLines: true }],
      'max-lines-per-function': ['error', { max: 60, skipComments: true, skipBlankLines: true }],
      'max-params': ['error', 4],
      // A switch counts once: the compiler sees to it that it is exhaustive.
      complexity: ['error', { max: 12, variant: 'modified' }],
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...clockReads, ...jwkExports]
    }
  },
  { files: ['src/effects/system.ts', 'src/cli/**'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: pure,
    rules: {
      'no-restricted-globals': [
        'error',
        'Date',
        'process',
        'setTimeout',
        'setInterval',
        'fetch',
        'crypto',
        'console',
        'performance'
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random' }],
      'no-restricted-syntax': ['error', ...synchronous, ...clockReads]
    }
  },
  // The one core file that may use Date: to convert instants, never to read the clock.
  { files: ['src/domain/time.ts'], rules: { 'no-restricted-globals': 'off' } },
  {
    files: ['test/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname }
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      'no-restricted-syntax': ['error', ...noModuleMocks]
    }
  }
)
