/** Which folder may import which. Keep in step with the import table in src/README.md (test/tidy.test.ts checks it). */
const layers = {
  domain: ['domain'],
  messages: ['domain', 'messages'],
  policy: ['domain', 'messages', 'policy'],
  mime: ['domain', 'mime'],
  openpgp: ['domain', 'openpgp'],
  reading: ['domain', 'mime', 'openpgp', 'reading'],
  sealing: ['domain', 'mime', 'openpgp', 'sealing'],
  worker: ['domain', 'effects/effects', 'openpgp', 'reading', 'sealing', 'worker'],
  store: ['domain', 'store'],
  config: ['domain', 'config'],
  effects: ['domain', 'effects'],
  transport: ['domain', 'effects', 'transport'],
  desk: ['domain', 'messages', 'policy', 'store', 'effects/effects', 'effects/events', 'desk']
}
/** The one home of every package and of the risky built-ins. */
const homes = {
  'node_modules/better-sqlite3': '^src/store/database\\.ts$',
  'node_modules/openpgp': '^src/openpgp/',
  'node_modules/libqp': '^src/mime/leaf\\.ts$',
  'node_modules/html-to-text': '^src/mime/html\\.ts$',
  'node_modules/nodemailer': '^src/transport/smtp-|^src/mime/',
  'node_modules/imapflow': '^src/transport/imap-',
  'node_modules/node-cron': '^src/effects/system\\.ts$|^src/config/',
  'node_modules/pino': '^src/effects/log\\.ts$',
  'node_modules/zod': '^src/config/',
  'node_modules/yaml': '^src/config/',
  'node_modules/liquidjs': '^src/messages/render\\.ts$',
  'node_modules/temporal-polyfill': '^src/domain/time\\.ts$',
  'node_modules/commander': '^src/cli/',
  'node_modules/tldts': '^src/desk/registrable\\.ts$',
  '^(node:)?fs(/promises)?$': '^src/(config/|effects/system\\.ts$|store/files\\.ts$|cli/)',
  '^(node:)?(net|https?|dns|tls|dgram|child_process|vm)(/promises)?$': '^$',
  '^(node:)?worker_threads$': '^src/worker/'
}
const forbidden = [
  { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'no-orphans',
    severity: 'error',
    from: { orphan: true },
    to: {}
  },
  ...Object.entries(layers).map(([layer, allowed]) => ({
    name: `layer-${layer}`,
    severity: 'error',
    from: { path: `^src/${layer}/` },
    to: { path: '^src/', pathNot: `^src/(${allowed.join('|')})[./]` }
  })),
  {
    name: 'core-has-no-packages',
    severity: 'error',
    from: {
      path: '^src/(domain|messages|policy)/',
      pathNot: '^src/(domain/time|messages/render)\\.ts$'
    },
    to: { pathNot: '^src/' }
  },
  ...Object.entries(homes).map(([what, home]) => ({
    name: `home-of ${what}`,
    severity: 'error',
    from: { path: '^src/', pathNot: home },
    to: { path: what }
  }))
]
module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json']
    }
  }
}
