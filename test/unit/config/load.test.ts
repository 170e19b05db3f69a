import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { Trouble } from '../../../src/domain/trouble.ts'
import { useFolder } from '../../support/folder.ts'
import { rows } from '../../support/rows.ts'

const PASSWORD = 'correct horse battery staple'
const DESK_KEY = '-----BEGIN the private key'
const folder = useFolder()
beforeEach(() => {
  for (const name of ['keys', 'keys/maintainers', 'secrets']) mkdirSync(join(folder.path, name))
  write('keys/desk.asc', DESK_KEY)
  write('keys/maintainers/grace.asc', 'grace key')
  write('keys/maintainers/ada.asc', 'ada key')
  write('secrets/passphrase', `${PASSWORD}\n`)
})

const ENV = { POSTERN_IMAP_PASSWORD: 'imap-pw', POSTERN_SMTP_PASSWORD: 'smtp-pw' }
const CONTRACT = `
desk:
  name: ACME Security Team
  address: security@acme.example
  case_prefix: ACME
  key: keys/desk.asc
  passphrase: { file: secrets/passphrase }
  timezone: Europe/Berlin
imap: { host: imap.acme.example, port: 993, tls: implicit, user: security, password: { env: POSTERN_IMAP_PASSWORD },
        inbox: INBOX, processed: Postern/Processed, held: Postern/Held, junk: Junk }
smtp: { host: smtp.acme.example, port: 465, tls: implicit, user: security, password: { env: POSTERN_SMTP_PASSWORD } }
storage: { path: data/postern.db }
schedule: { poll: "* * * * *", tick: "* * * * *", digest: "0 8 * * 1-5" }
maintainers:
  - { id: grace, name: Grace Hopper, address: grace@acme.example, key: keys/maintainers/grace.asc,
      roles: [committer, release, approver, list-admin] }
products:
  - { id: parser, name: ACME Parser, policy: dispatch, supported: [main, "4.2", "4.1"] }
`

function write(name: string, text: string): void {
  writeFileSync(join(folder.path, name), text)
}

function load(text: string, env: Record<string, string> = ENV) {
  write('postern.yaml', text)
  return loadConfig(join(folder.path, 'postern.yaml'), env)
}

async function problemsOf(
  text: string,
  env: Record<string, string> = ENV
): Promise<readonly string[]> {
  try {
    await load(text, env)
  } catch (error) {
    if (error instanceof Trouble) return error.message.split('\n')
    throw error
  }
  return []
}

/** The contract's example with one passage changed. */
function changed(from: string, to: string): string {
  if (!CONTRACT.includes(from)) throw new Error(`not in the example: ${from}`)
  return CONTRACT.replace(from, to)
}

describe('a configuration', () => {
  it.each(['postern.yaml', 'keys/desk.asc', 'keys/maintainers', 'secrets/passphrase'])(
    '(B10) is refused where everybody on this machine may change %s',
    async (name) => {
      expect(await problemsOf(CONTRACT)).toEqual([])
      const path = join(folder.path, name)
      chmodSync(path, 0o777)
      const [says] = await problemsOf(CONTRACT)
      expect(says).toBe(`everybody on this machine may change ${path}: chmod o-w ${path}`)
      chmodSync(path, 0o700)
      expect(await problemsOf(CONTRACT)).toEqual([])
    }
  )

  it.each(['own', 'own/base.yaml', 'own/policy.yaml', 'texts', 'texts/hint.liquid'])(
    '(B10) is refused where everybody on this machine may change %s, which it names',
    async (name) => {
      for (const one of ['own', 'texts']) mkdirSync(join(folder.path, one))
      write('own/base.yaml', 'extends: dispatch\nid: base\n')
      write('own/policy.yaml', 'extends: ./base.yaml\nid: own\n')
      write('texts/hint.liquid', 'Hint.\n')
      const text = `${changed('policy: dispatch', 'policy: own/policy.yaml')}\ntexts: texts\n`
      expect(await problemsOf(text)).toEqual([])
      const path = join(folder.path, name)
      chmodSync(path, 0o777)
      const [says] = await problemsOf(text)
      expect(says).toContain(`everybody on this machine may change ${path}: chmod o-w ${path}`)
    }
  )

  it('(B10) is refused where everybody may put another folder in the place of one of its own, or change what a link leads to', async () => {
    const shared = join(folder.path, 'shared')
    mkdirSync(join(shared, 'secrets'), { recursive: true })
    renameSync(join(folder.path, 'secrets/passphrase'), join(shared, 'secrets/passphrase'))
    symlinkSync(join(shared, 'secrets/passphrase'), join(folder.path, 'secrets/passphrase'))
    expect(await problemsOf(CONTRACT)).toEqual([])
    const refusal = (path: string): string =>
      `everybody on this machine may change ${path}: chmod o-w ${path}`
    chmodSync(shared, 0o777)
    expect(await problemsOf(CONTRACT)).toContain(refusal(shared))
    // As in /tmp, nobody may replace what is another's there; a file has no such protection.
    chmodSync(shared, 0o1777)
    expect(await problemsOf(CONTRACT)).toEqual([])
    const key = join(folder.path, 'keys/desk.asc')
    chmodSync(key, 0o1666)
    expect(await problemsOf(CONTRACT)).toContain(refusal(key))
  })

  it('is read as the example of the design, with absolute paths', async () => {
    const config = await load(CONTRACT)

    expect(config).toMatchObject({
      desk: { case_prefix: 'ACME', key: { path: join(folder.path, 'keys/desk.asc') } },
      imap: { host: 'imap.acme.example', port: 993, tls: 'implicit', held: 'Postern/Held' },
      smtp: { port: 465, user: 'security' },
      storage: { path: join(folder.path, 'data/postern.db') },
      maintainers: [
        {
          id: 'grace',
          key: { text: 'grace key' },
          roles: ['committer', 'release', 'approver', 'list-admin']
        }
      ],
      products: [{ id: 'parser', supported: ['main', '4.2', '4.1'], policy: { id: 'dispatch' } }]
    })
    expect(config.desk.key.reveal()).toBe(DESK_KEY)
    expect(config.desk.passphrase.reveal()).toBe(PASSWORD)
    expect(config.imap.password.reveal()).toBe('imap-pw')
    expect(config.smtp.password?.reveal()).toBe('smtp-pw')
  })

  it('merges the calendar of a product over that of its policy, in the time zone of the desk (A5)', async () => {
    writeFileSync(
      join(folder.path, 'days.ics'),
      'BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\nEND:VEVENT\nEND:VCALENDAR\n'
    )
    const config = await load(
      `${CONTRACT}  - { id: own, name: Own, policy: dispatch, calendar: { zone: Asia/Tokyo, holidays: days.ics } }\n`
    )

    expect(config.products).toMatchObject([
      {
        calendar: { timezone: 'Europe/Berlin', weekend: [6, 7], holidays: [] },
        holidays: { end: null }
      },
      {
        calendar: { timezone: 'Asia/Tokyo', weekend: [6, 7], holidays: ['2026-12-25'] },
        holidays: { end: '2026-12-25' }
      }
    ])
    expect(
      await problemsOf(
        `${CONTRACT}  - { id: own, name: Own, policy: dispatch, calendar: { holidays: none.ics } }\n`
      )
    ).toEqual([expect.stringMatching(/^products\[1\]\.calendar\.holidays \(line 19\): /)])
  })

  it('fills in the documented defaults, also for a section whose lines are commented out', async () => {
    const config = await load(
      `
desk: { name: D, address: d@x.example, case_prefix: D, passphrase: { env: P } }
imap: { host: mail.x.example, user: u, password: { env: P } }
smtp: { host: 127.0.0.1, tls: none }
limits:
  # mail_size: 50MiB
maintainers: [{ id: ada, name: Ada, address: ada@x.example, key: keys/maintainers/ada.asc }]
products: [{ id: p, name: P, policy: template }]
`,
      { P: 'x' }
    )

    expect(config).toMatchObject({
      desk: {
        timezone: 'UTC',
        key: { path: join(folder.path, 'keys/desk.asc') },
        retired_keys: []
      },
      imap: {
        ...{ tls: 'implicit', inbox: 'INBOX' },
        ...{ processed: 'Postern/Processed', held: 'Postern/Held' }
      },
      smtp: { host: '127.0.0.1', tls: 'none', reply_seconds: 600 },
      storage: { path: join(folder.path, 'data/postern.db') },
      schedule: { poll: '* * * * *', tick: '* * * * *', digest: '0 8 * * 1-5' },
      acknowledgement: { jitter: 30, per_hour: 20, per_domain_hour: 10 },
      forwarding: { per_hour: 20, per_domain_hour: 10 },
      workers: 2,
      maintainers: [{ roles: ['committer'] }],
      limits: {
        ...{ mail_size: 52_428_800, original: 10_485_760, open_seconds: 60 },
        strangers_per_day: 209_715_200,
        ...{ worker_memory: 768, commands_per_mail: 20, signature_age_hours: 48 }
      }
    })
    expect(config.smtp).not.toHaveProperty('user')
  })

  it.each([
    ['"50MiB"', 52_428_800],
    ['64 KiB', 65_536],
    ['10MB', 10_000_000],
    ['1048576', 1_048_576]
  ])('takes %s as a size', async (text, bytes) => {
    const { limits } = await load(`${CONTRACT}limits: { mail_size: ${text} }\n`)

    expect(limits.mail_size).toBe(bytes)
  })

  it('names a missing file, --config and README when there is none', async () => {
    const path = join(folder.path, 'nowhere.yaml')

    const error: unknown = await loadConfig(path, {}).catch((reason: unknown) => reason)

    const says = `there is no configuration ${path}: write one (README shows how), or name another with --config FILE`
    expect(error).toEqual(new Trouble('config', says))
  })

  it('never prints a secret, nor a private key that may lack a passphrase', async () => {
    const loaded = await load(CONTRACT)

    const printed = [
      JSON.stringify(loaded),
      inspect(loaded, { depth: 9, showHidden: true }),
      `${loaded.desk.passphrase}`
    ].join('\n')

    for (const secret of [PASSWORD, 'imap-pw', DESK_KEY]) expect(printed).not.toContain(secret)
    expect(printed).toContain('[secret]')
  })
})

describe('a wrong configuration', () => {
  it.each(rows`
    an unknown key                                    | case_prefix: ACME | case_prefix: ACME\n  nmae: x | desk.nmae (line 6): is not a known key
    an unknown section                                | storage: | storge: {}\nstorage: | storge (line 12): is not a known key
    a missing key                                     | \n  case_prefix: ACME |  | desk.case_prefix (line 3): is missing: it must be 1 to 12 capital letters
    a bad case prefix                                 | case_prefix: ACME | case_prefix: acme-1 | desk.case_prefix (line 5): must be 1 to 12 capital letters
    a bad address                                     | address: security@acme.example | address: "Team <security@acme.example>" | desk.address (line 4): must be one plain mail address
    a name of two lines                               | name: ACME Security Team | name: "A\\r\\nBcc: x" | desk.name (line 3): must be one line
    an unknown time zone                              | Europe/Berlin | Mars/Olympus | desk.timezone (line 8): must be a time zone of the IANA database
    a port out of range                               | port: 993 | port: 99300 | imap.port (line 9): must be a whole number from 1 to 65535
    a port as text                                    | port: 465 | port: "465" | smtp.port (line 11): must be a whole number
    an unknown tls                                    | port: 993, tls: implicit | port: 993, tls: ssl | imap.tls (line 9): must be one of implicit, starttls, none
    tls none on a network                             | port: 993, tls: implicit | port: 143, tls: none | imap.tls (line 9): must not be none
    tls none on a name like localhost                 | host: smtp.acme.example, port: 465, tls: implicit | host: localhost.evil.example, tls: none | smtp.tls (line 11): must not be none
    a user without a password                         | , password: { env: POSTERN_SMTP_PASSWORD } |  | smtp.password (line 11): is missing: give user and password together
    a bounce address without its token                | port: 465, | port: 465, bounce_address: b@acme.example, | smtp.bounce_address (line 11): must be an address with {token}
    one folder for two uses                           | held: Postern/Held | held: Postern/Processed | imap.held (line 10): must differ from the folders before it
    a secret in the file                              | { file: secrets/passphrase } | hunter2-hunter2 | desk.passphrase (line 7): must say where the secret is kept
    a missing secret file                             | secrets/passphrase | secrets/none | desk.passphrase (line 7): there is no file
    a missing variable                                | env: POSTERN_IMAP_PASSWORD | env: NOT_SET | imap.password (line 9): the environment variable NOT_SET is not set
    a credential outside systemd                      | { file: secrets/passphrase } | { credential: pass } | desk.passphrase (line 7): $CREDENTIALS_DIRECTORY is not set
    a credential that is a path                       | { file: secrets/passphrase } | { credential: ../pass } | desk.passphrase.credential (line 7): must be the name of a systemd credential
    a missing desk key                                | key: keys/desk.asc | key: keys/none.asc | desk.key (line 6): there is no file
    a missing maintainer key                          | maintainers/grace.asc | maintainers/none.asc | maintainers[0].key (line 15): there is no file
    a missing CA file                                 | port: 465, | port: 465, ca: ca.pem, | smtp.ca (line 11): there is no file
    an unknown role                                   | [committer, release, approver, list-admin] | [boss] | maintainers[0].roles[0] (line 16): must be one of committer
    no roles                                          | [committer, release, approver, list-admin] | [] | maintainers[0].roles (line 16): must name at least one role
    a version as a number                             | "4.2", "4.1" | 4.10 | products[0].supported[1] (line 18): must be text: put versions in quotes
    an unknown policy                                 | policy: dispatch | policy: dispatched | products[0].policy (line 18): there is no built-in policy of this name: use one of consoleme, dispatch,
    a missing policy file                             | policy: dispatch | policy: ./own.yaml | products[0].policy (line 18):
    a cron expression of 4 fields                     | poll: "* * * * *" | poll: "* * * *" | schedule.poll (line 13): must be a cron expression: 5 fields
    a cron expression with a command                  | tick: "* * * * *" | tick: "* * * * $(x)" | schedule.tick (line 13): must be a cron expression: 5 fields
    a nickname of a cron expression                   | poll: "* * * * *" | poll: "@daily" | schedule.poll (line 13): must be a cron expression: 5 fields
    a minute that does not exist                      | tick: "* * * * *" | tick: "61 * * * *" | schedule.tick (line 13): must be a cron expression: 5 fields
    words for a cron expression                       | digest: "0 8 * * 1-5" | digest: every morning | schedule.digest (line 13): must be a cron expression: 5 fields
    a password without a space after its colon        | { env: POSTERN_IMAP_PASSWORD } | { env:POSTERN_IMAP_PASSWORD } | imap.password (line 9): must say where the secret is kept: { file: PATH },
    a section without a space after its colon         | storage: { path: data/postern.db } | storage:\n  path:data/postern.db | storage (line 13): must be a block of keys, each with a colon and a space after it
    a capital id                                      | id: parser | id: Parser | products[0].id (line 18): must be 1 to 32 lower-case letters
  `)('is refused for %s, at its place, with a remedy', async (_name, from, to, expected) => {
    const problems = await problemsOf(changed(from, to))
    expect(problems).toEqual([expect.stringContaining(expected)])
    expect(problems[0]).not.toMatch(/hunter2|\n/)
  })

  const A = '{ id: a, name: A, address: x@acme.example, key: keys/maintainers/ada.asc }'
  it.each(rows`
    no maintainers                     | [] | maintainers (line 14): must name at least one maintainer
    two maintainers with one address   | [${A}, ${A.replace('a,', 'b,').replace('x@acme', 'X@ACME')}] | maintainers[1].address (line 14): is used twice
    two maintainers with one id        | [${A}, ${A.replace('x@', 'y@')}] | maintainers[1].id (line 14): is used twice
    a maintainer at the desk’s address | [${A.replace('x@', 'Security@')}] | maintainers[0].address (line 14): must not be an address of the desk
  `)('is refused for %s', async (_name, maintainers, expected) => {
    const text = CONTRACT.replace(/maintainers:[^]*(?=products:)/, `maintainers: ${maintainers}\n`)
    expect(await problemsOf(text)).toEqual([expect.stringContaining(expected)])
  })

  it('is refused for no products and for two products with one id', async () => {
    expect(await problemsOf(CONTRACT.replace(/products:[^]*/, 'products: []\n'))).toEqual([
      'products (line 17): must name at least one product'
    ])
    expect(
      await problemsOf(`${CONTRACT}  - { id: parser, name: Other, policy: template }\n`)
    ).toEqual(['products[1].id (line 19): is used twice: give each entry its own value'])
  })

  it('reports all its problems at once, in the order of the file: types, contradictions and missing files', async () => {
    const problems = await problemsOf(
      `
desk: { name: D, address: nobody, case_prefix: D, passphrase: { env: NONE } }
imap: { host: mail.x.example, tls: none, user: u, password: { env: P } }
smtp: { host: smtp.x.example, user: u }
maintainers:
  - { id: ada, name: Ada, address: ada@x.example, key: gone.asc }
  - { id: ada, name: Eve, address: ADA@x.example, key: keys/maintainers/ada.asc }
products: [{ id: p, name: P, policy: nothing }]
extra: 1
`,
      { P: 'x' }
    )

    expect(problems.map((text) => text.split(/[ :]/)[0])).toEqual([
      ...['desk.address', 'desk.passphrase', 'imap.tls', 'smtp.password'],
      ...['maintainers[0].key', 'maintainers[1].id', 'maintainers[1].address'],
      ...['products[0].policy', 'extra']
    ])
  })

  it.each<[string, string, RegExp]>([
    ['a key twice', 'a: 1\na: 2\n', /postern\.yaml: line 2: this key is there twice/],
    ['a custom tag', 'desk: !include other.yaml\n', /postern\.yaml: line 1: tags like !name/],
    ['a binary tag', 'desk: !!binary aGVsbG8=\n', /postern\.yaml: line 1: tags like !name/],
    ['two documents', 'a: 1\n---\nb: 2\n', /postern\.yaml: line 2: a second document begins/],
    ['a key of JavaScript', 'a: 1\n__proto__: { b: 2 }\n', /yaml: line 2: this key is not known/],
    ['one further inside', 'a:\n  - "__proto__": hunter2\n', /yaml: line 2: this key is not known/],
    [
      'a bomb of aliases',
      `a: &a [1,1,1,1,1,1,1,1,1]\n${'bcdefg'
        .split('')
        .map((n, i) => `${n}: &${n} [${`*${'abcdef'[i]},`.repeat(9)}]`)
        .join('\n')}\n`,
      /too many aliases/
    ],
    ['more than 1 MiB', `# ${'x'.repeat(1_100_000)}\n`, /larger than 1048576 bytes/]
  ])('is refused for %s without repeating its text', async (_name, text, expected) => {
    const problems = await problemsOf(text)

    expect(problems[0]).toMatch(expected)
    expect(problems.join('\n')).not.toContain('hunter2')
  })

  const KEY = 'this line has no colon with a space after it: write it like "key: value"'
  const COLON = 'the value in this line goes on with another colon, here or in the next line: put'
  it.each(rows`
    an indentation with a tab     | 5  | \n  case_prefix: ACME | \n\tcase_prefix: ACME | this line is indented with a tab: use spaces
    a missing colon               | 5  | case_prefix: ACME | case_prefix ACME | ${KEY}
    a missing space after a colon | 5  | case_prefix: ACME | case_prefix:ACME | ${KEY}
    a missing last quote          | 3  | ACME Security Team | "ACME Security Team | the quote that is opened here is not closed: close it
    a missing last apostrophe     | 18 | ACME Parser | 'ACME Parser | the quote that is opened here is not closed: close it
    a value that ends too early   | 3  | ACME Security Team | "ACME" Security Team | the value ended before this text: put the whole value in quotes, or remove the text
    a line too far to the right   | 4  | \n  case_prefix: ACME | \n     case_prefix: ACME | ${COLON}
    a line too far to the left    | 5  | \n  case_prefix: ACME | \n case_prefix: ACME | this line is indented differently from the lines around it: line them up
    an open bracket               | 16 | list-admin] } | list-admin } | the bracket that is opened here is not closed: close it
    a bracket too many            | 12 | postern.db } | postern.db }} | this closing bracket was never opened: remove it
    a missing comma               | 7  | { file: secrets/passphrase } | { file: x env: Y } | a comma is missing between two values in brackets: add it
    a colon within a text         | 3  | ACME Security Team | ACME: Security Team | ${COLON}
    an anchor that is not there   | 3  | ACME Security Team | *acme | a value that begins with * or & refers to another place, and there is none
    a text that begins with @     | 3  | ACME Security Team | @acme | a text cannot begin with @, % or
    a stray per cent sign         | 12 | storage: | %\nstorage: | a text cannot begin with @, % or
  `)('says of %s in one sentence what is wrong in line %s, and what to do', async (...row) => {
    const [, line, from, to, sentence] = row as [string, string, string, string, string]
    const [said, ...others] = await problemsOf(changed(from, to))
    expect(said).toContain(`postern.yaml: line ${line}: ${sentence}`)
    expect(others).toEqual([])
  })

  it.each(['- 1\n', '', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n'])(
    'is refused with the name of its file when it is no block of keys: %j',
    async (text) => {
      const path = join(folder.path, 'postern.yaml')
      const says = 'must be a block of keys, each with a colon and a space after it'
      expect(await problemsOf(text)).toEqual([`${path}: ${says}`])
    }
  )
})

describe('a secret', () => {
  it('comes from systemd’s credentials folder', async () => {
    mkdirSync(join(folder.path, 'creds'))
    write('creds/pass', 'from systemd\r\n')

    const { desk } = await load(changed('{ file: secrets/passphrase }', '{ credential: pass }'), {
      ...ENV,
      CREDENTIALS_DIRECTORY: join(folder.path, 'creds')
    })

    expect(desk.passphrase.reveal()).toBe('from systemd')
  })

  it.each([
    ['', 'is empty'],
    ['\n', 'is empty'],
    ['one\ntwo\n', 'more than one line'],
    ['a\0b', 'NUL']
  ])('is refused when its file holds %j', async (content, expected) => {
    write('secrets/passphrase', content)

    expect((await problemsOf(CONTRACT))[0]).toContain(expected)
  })

  it('keeps everything, spaces included, except one line end', async () => {
    write('secrets/passphrase', '  two  spaces  \n')

    expect((await load(CONTRACT)).desk.passphrase.reveal()).toBe('  two  spaces  ')
  })

  it('that cannot be read is reported', async () => {
    rmSync(join(folder.path, 'secrets/passphrase'))
    mkdirSync(join(folder.path, 'secrets/passphrase'))

    expect((await problemsOf(CONTRACT))[0]).toContain('cannot be read')
  })
})
