/**
 * `postern check`: what it says of a desk that would start, of one that would not, and of what a stranger on the machine could
 * read; problems on standard error with status 1, notes on standard output with status 0, all of it at once.
 */
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as openpgp from 'openpgp'
import { afterEach, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { systemClock } from '../../src/effects/system.ts'
import { judgeKeys } from '../../src/settings.ts'
import { withGpgAt } from '../support/clock.ts'
import { type CliResult } from '../support/daemon.ts'
import { DESK_ADDRESS, IMAP_PASSWORD, keyExpiringIn, PASSPHRASE } from '../support/desk-world.ts'
import { withGpg } from '../support/gpg-home.ts'
import { ADA, GRACE, givenOfflineDesk } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { run } from '../support/programs.ts'
import { describeWith } from '../support/requires.ts'

type Section = Readonly<Record<string, unknown>>
const DAY_S = 86_400

describeWith(['gpg'], 'the check of a desk', async () => {
  const { desk, grace, ada } = await givenOfflineDesk({
    grace: gpgPerson(GRACE),
    ada: gpgPerson(ADA)
  })
  Object.assign(section('imap'), { authserv_ids: ['mx.acme.example'] })
  Object.assign(section('acknowledgement'), { jitter: 30 })
  // Every policy counts business days.
  for (const product of desk.config['products'] as Section[])
    Object.assign(product, { calendar: { holidays: ['2099-01-01'] } })
  desk.write(desk.config)
  const [KEY_OF_GRACE, KEY_OF_ADA] = ['keys/maintainers/grace.asc', 'keys/maintainers/ada.asc']
  const kept = ['passphrase', 'keys/desk.asc', KEY_OF_GRACE, KEY_OF_ADA].map(
    (name) => [name, readFileSync(file(name))] as const
  )
  afterEach(() => {
    desk.write(desk.config)
    for (const [name, bytes] of kept) writeFileSync(file(name), bytes)
    for (const name of ['passphrase', 'keys/desk.asc']) chmodSync(file(name), 0o600)
  })

  it('(12) tries the desk key: one with a damaged secret part does not pass, nor does the daemon start with it', async () => {
    const armoredKey = readFileSync(file('keys/desk.asc'), 'utf8')
    const locked = await openpgp.readPrivateKey({ armoredKey })
    const key = await openpgp.decryptKey({ privateKey: locked, passphrase: PASSPHRASE })
    const [part] = key.subkeys
    const { privateParams } = (part?.keyPacket ?? {}) as {
      privateParams?: Record<string, Uint8Array>
    }
    for (const number of Object.values(privateParams ?? {})) number[3] = (number[3] ?? 0) ^ 0x55
    const damaged = await openpgp.encryptKey({ privateKey: key, passphrase: PASSPHRASE })
    writeFileSync(file('keys/desk.asc'), damaged.armor())
    const says = 'postern: desk.key: we tried it, and it cannot decrypt: '
    const checked = await desk.cli('check')
    expect([checked.status, checked.stderr.slice(0, says.length)]).toEqual([1, says])
    const started = await desk.cli('run')
    expect([started.status, started.stderr.slice(0, says.length)]).toEqual([1, says])
  })

  function file(name: string): string {
    return join(desk.folder, name)
  }
  function section(name: string): Section {
    return desk.config[name] as Section
  }
  const configure = (changes: Section): void => {
    desk.write({ ...desk.config, ...changes })
  }
  const change = (name: string, changes: Section): void => {
    configure({ [name]: { ...section(name), ...changes } })
  }
  /** A policy of the desk's own with this rule, as a product names it. */
  function givenPolicy(rule: string): Section {
    writeFileSync(file('own.yaml'), `extends: dispatch\nid: own\n${rule}\n`)
    return { policy: './own.yaml' }
  }
  /** A public key that ended yesterday. */
  async function expiredKey(owner: Parameters<typeof keyExpiringIn>[0]): Promise<string> {
    const past = new Date(Date.now() - 2 * DAY_S * 1000)
    return (await withGpgAt(past, () => keyExpiringIn(owner, DAY_S))).armored
  }
  const check = (...more: readonly string[]): Promise<CliResult> => desk.cli('check', ...more)
  /** Status 0 and exactly these notes, before the two lines that say that all is well. */
  async function expectNotes(...says: readonly RegExp[]): Promise<void> {
    const { status, stdout, stderr } = await check()
    const notes = stdout.split('\n').filter((line) => line.startsWith('note: '))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(notes).toEqual(says.map((words) => expect.stringMatching(words) as string))
    expect(stdout).toMatch(/Configuration is valid\.\n$/)
  }
  /** Status 1 and exactly these problems, a line each, and nothing that sounds as if all were well. */
  async function expectProblems(...says: readonly RegExp[]): Promise<void> {
    const { status, stdout, stderr } = await check()
    const lines = stderr.trimEnd().split('\n')
    expect(lines).toEqual(says.map((words) => expect.stringMatching(words) as string))
    for (const line of lines) expect(line).toMatch(/^postern: /)
    expect(status).toBe(1)
    expect(`${stdout}${stderr}`).not.toMatch(/is valid| {4}at /)
    expect(`${stdout}${stderr}`).not.toContain(PASSPHRASE)
  }
  /** The private key that gpg makes for the desk, under its passphrase or none. */
  async function deskKey(
    algorithm: string,
    expiry: string,
    { passphrase = PASSPHRASE, address = DESK_ADDRESS } = {}
  ): Promise<void> {
    // With RSA gpg makes one key for everything, with the default algorithms a pair.
    const usage = algorithm.startsWith('rsa') ? 'sign,encrypt' : 'default'
    await withGpg(passphrase, async (gpg) => {
      await gpg('--quick-generate-key', `ACME <${address}>`, algorithm, usage, expiry)
      writeFileSync(file('keys/desk.asc'), await gpg('--export-secret-keys'))
    })
  }

  it('says of a desk with nothing wrong which key it has, how many people and products', async () => {
    const { stdout } = await check()
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(
      (
        await run('gpg', ['--batch', '--with-colons', '--show-keys', file('keys/desk.pub.asc')])
      ).stdout.toString()
    )?.[1]
    const [first = '', second] = stdout.split('\n')

    expect(first.replaceAll(' ', '')).toBe(`desk${DESK_ADDRESS},key${fingerprint}`)
    expect(second).toBe('2 maintainers, 1 product. Configuration is valid.')
    await expectNotes()
  })

  it('prints the same for programs: problems apart from remarks, status 1 for a problem alone', async () => {
    const printed = async () => {
      const { status, stdout, stderr } = await check('--json')
      return { status, stderr, ...(JSON.parse(stdout) as object) }
    }
    const saying = (words: RegExp) => [expect.stringMatching(words) as string]
    const failed = { status: 1, stderr: '', ok: false }
    chmodSync(file('passphrase'), 0o644)
    const remarks = saying(/^desk\.passphrase: other users/)
    expect(await printed()).toEqual({ status: 0, stderr: '', ok: true, problems: [], remarks })
    writeFileSync(file(KEY_OF_ADA), 'nothing like a key')
    expect(await printed()).toMatchObject({ ...failed, problems: saying(/^maintainers ada: /) })
    configure({ colour: 'blue' })
    expect(await printed()).toMatchObject({ ...failed, problems: saying(/colour/) })
  })

  it('notes that nobody checks senders where no mail server is named for it', async () => {
    change('imap', { authserv_ids: [] })
    await expectNotes(
      /imap\.authserv_ids: no mail server is named, .* get acknowledgements, too, and one sender can use up the room of a whole day/
    )
  })

  it('notes that nobody administers the list, and who is told of a member’s key then (A3, B18)', async () => {
    const people = desk.config['maintainers'] as Section[]
    const roles = ['committer', 'approver']
    configure({ maintainers: people.map((one) => ({ ...one, roles })) })
    await expectNotes(/nobody has the role list-admin, so everybody learns by id when the key/)
  })

  it('says what approvals: 0 means, and refuses a policy that wants more approvers than there are (A5)', async () => {
    const [grace_, ada_] = desk.config['maintainers'] as [Section, Section]
    const [product] = desk.config['products'] as [Section]
    const withApprovals = (approvals: number, adaRoles: string[]): void => {
      const policy = givenPolicy(`notice: { approvals: ${approvals} }`)
      const maintainers = [grace_, { ...ada_, roles: adaRoles }]
      configure({ maintainers, products: [{ ...product, ...policy }] })
    }

    withApprovals(0, ['committer'])
    await expectNotes(/approvals is 0, so a single approver can release a notice, even its author/)
    withApprovals(1, ['committer'])
    await expectNotes(/needs 1 approver besides its author, exactly as many as there are/)
    withApprovals(2, ['committer'])
    await expectProblems(/needs 2 approvers besides its author, more than there are/)
  })

  it('notes a policy whose texts link to another product of the desk (M-38)', async () => {
    const [product] = desk.config['products'] as [Section]
    const policy = givenPolicy('reporter_rules: ["See https://example.org/parser/security."]')
    configure({ products: [product, { ...product, id: 'other', name: 'Other', ...policy }] })

    await expectNotes(/^note: products other: .* link to https:\/\/example\.org\/parser\/security/)
  })

  it('notes that answers without a random delay tell how long a message took to open (G6)', async () => {
    change('acknowledgement', { jitter: 0 })
    await expectNotes(/acknowledgement\.jitter: it is 0, .* how long their message took to open/)
  })

  it('notes each secret that others on the machine may read, with its file and the remedy', async () => {
    writeFileSync(file('imap_password'), 'secret words\n', { mode: 0o640 })
    writeFileSync(file('smtp_password'), 'other words\n', { mode: 0o604 })
    configure({
      imap: { ...section('imap'), password: { file: 'imap_password' } },
      smtp: { ...section('smtp'), user: 'security', password: { file: 'smtp_password' } }
    })
    chmodSync(file('keys/desk.asc'), 0o644)
    chmodSync(file('passphrase'), 0o640)

    await expectNotes(
      /^note: desk\.key: other users .*keys\/desk\.asc; run: chmod 600 \S+$/,
      /^note: desk\.passphrase: other users .*\/passphrase; run: chmod 600 \S+$/,
      /^note: imap\.password: other users .*imap_password; run: chmod 600 \S+$/,
      /^note: smtp\.password: other users .*smtp_password; run: chmod 600 \S+$/
    )
  })

  it('notes a passphrase that is soon guessed', async () => {
    await deskKey('future-default', 'never', { passphrase: 'short' })
    writeFileSync(file('passphrase'), 'short\n')

    await expectNotes(/^note: desk\.passphrase: it is shorter than 12 characters/)
  })

  it('notes when the desk key ends, in the zone of the desk', async () => {
    await deskKey('future-default', 'seconds=600000')
    const year = new Date(Date.now() + 600_000_000).getUTCFullYear()

    await expectNotes(
      new RegExp(`^note: desk\\.key: the desk key expires .* ${year}, .* Berlin \\(.* UTC\\)$`)
    )
  })

  it('notes when the holidays of a product end within a year (A5)', async () => {
    const products = desk.config['products'] as Section[]
    const last = new Date(Date.now() + 300 * 86_400_000).toISOString().slice(0, 10)
    const withHolidays = (...holidays: string[]): void => {
      configure({ products: [{ ...products[0], calendar: { holidays } }, ...products.slice(1)] })
    }

    withHolidays('2026-01-01', last)
    await expectNotes(
      new RegExp(`^note: products .*: the last holiday in the calendar is ${last};`)
    )
    withHolidays('2099-01-01')
    await expectNotes()
  })

  it('notes that RSA is slow', async () => {
    await deskKey('rsa2048', 'never')

    await expectNotes(/^note: desk\.key: an RSA key opens mail about ten times slower/)
  })

  it('finds a desk key that is the public one, and one without a passphrase', async () => {
    copyFileSync(file('keys/desk.pub.asc'), file('keys/desk.asc'))
    await expectProblems(/desk\.key.*public/)

    await deskKey('future-default', 'never', { passphrase: '' })

    await expectProblems(/desk\.key: the private key has no passphrase; set one/)
  })

  it('finds a desk key that has expired, and one that lacks the address of the desk', async () => {
    const past = new Date(Date.now() - 5 * DAY_S * 1000)
    await withGpgAt(past, () => deskKey('future-default', '2d'))
    await expectProblems(/desk\.key: the key has expired/)

    await deskKey('future-default', 'never', { address: 'other@acme.example' })
    await expectProblems(/no valid user id.*security@acme\.example/)
  })

  it('finds what keeps a maintainer from being written to, and that the desk would start', async () => {
    const owner = { name: 'Grace Hopper', address: 'grace@acme.example' }
    writeFileSync(file(KEY_OF_GRACE), await expiredKey(owner))
    await expectProblems(/maintainers grace: the key has expired; no report is forwarded to grace/)

    const brainpool = await withGpg('', async (gpg) => {
      const name = 'Grace <grace@acme.example>'
      await gpg('--quick-generate-key', name, 'brainpoolP256r1', 'cert,sign', 'never')
      return gpg('--export', '--armor')
    })
    writeFileSync(file(KEY_OF_GRACE), brainpool)
    await expectProblems(
      /maintainers grace: the key uses a brainpool curve, which Postern does not/
    )

    const other = await keyExpiringIn({ name: 'Grace', address: 'grace@home.example' }, DAY_S)
    writeFileSync(file(KEY_OF_GRACE), other.armored)
    await expectProblems(/maintainers grace: the key has no valid user id with grace@acme\.example/)
  })

  it('finds keys that nobody could be trusted by', async () => {
    copyFileSync(file('keys/desk.asc'), file(KEY_OF_GRACE))
    await expectProblems(/maintainers grace: the key file holds a PRIVATE key/)

    copyFileSync(file(KEY_OF_ADA), file(KEY_OF_GRACE))
    const [first, second] = desk.config['maintainers'] as readonly Section[]
    configure({ maintainers: [second, first] })
    await expectProblems(
      /maintainers grace: the key has no valid user id/,
      /maintainers grace: another maintainer has the same key/
    )
    const config = await loadConfig(desk.configFile, { POSTERN_IMAP_PASSWORD: IMAP_PASSWORD })
    const { settings, faults } = await judgeKeys(config, systemClock.now())
    const judged = faults.map(([, severity, code]) => `${severity} ${code}`)
    expect([settings, judged]).toEqual([null, ['problem unnamed', 'stop same-key']])
    writeFileSync(file(KEY_OF_GRACE), 'nothing like a key')
    await expectProblems(/maintainers grace: the file \S+\.asc must hold one OpenPGP public key/)
  })

  it('finds that no report could be relayed', async () => {
    writeFileSync(file(KEY_OF_GRACE), await expiredKey(grace))
    writeFileSync(file(KEY_OF_ADA), await expiredKey(ada))
    await expectProblems(
      /grace: the key has expired/,
      /ada: the key has expired/,
      /maintainers: none of them has a usable key/
    )
  })

  it('(B10) takes the address of a member from a file, standard input or the key, never from the command line', async () => {
    const what = [
      '--id',
      'beta',
      '--name',
      'Beta',
      '--key',
      file(KEY_OF_GRACE),
      '--product',
      'parser'
    ]
    const given = await desk.cli('members', 'add', ...what, '--address', 'grace@acme.example')
    expect(given.status).toBe(2)
    writeFileSync(file('address'), 'nobody@acme.example\n')
    const other = await desk.cli('members', 'add', ...what, '--address-file', file('address'))
    expect(other.stderr).toContain('has no valid user id with this address')
    expect(other.stderr).not.toContain('nobody@acme.example')
  })

  it('keeps a key off the list that cannot encrypt, has expired or is private', async () => {
    const owner = { name: 'Alpha', address: 'a@alpha.example' }
    const key = file('member.asc')
    const refused = async (says: RegExp, ...more: string[]): Promise<void> => {
      const who = ['--id', 'alpha', '--name', owner.name]
      const what = ['--key', key, '--product', 'parser', ...more]
      const added = await desk.cli('members', 'add', ...who, ...what)
      expect(added.status).toBe(1)
      expect(added.stderr).toMatch(/^postern: [^\n]*\n$/)
      expect(added.stderr).toMatch(says)
    }
    await withGpg('', async (gpg) => {
      await gpg('--quick-generate-key', `${owner.name} <${owner.address}>`, 'ed25519', 'sign')
      writeFileSync(key, await gpg('--export'))
    })
    await refused(/encrypt/)
    writeFileSync(key, await expiredKey(owner))
    await refused(/expired/)
    copyFileSync(file('keys/desk.asc'), key)
    await refused(/PRIVATE key; please name the file with the public key/)
    // Products may stand behind one --product.
    await refused(/^postern: --product: "lexer" is not in/, 'lexer')
    expect(JSON.parse((await desk.cli('members', 'list', '--json')).stdout)).toEqual([])
  })

  it('finds a schedule that never comes, and the daemon does not start', async () => {
    change('schedule', { tick: '61 * * * *', digest: '0 25 * * *' })
    const says = [
      /schedule\.tick \(line \d+\): must be a cron expression/,
      /schedule\.digest \(line \d+\): must be a cron expression/
    ]
    const daemon = desk.spawn()
    expect((await daemon.waitForExit(30_000)).status).toBe(1)
    expect(daemon.output()).toBe(daemon.stderr())
    expect(daemon.stderr().trimEnd().split('\n')).toEqual(
      says.map((words) => expect.stringMatching(words) as string)
    )
    await expectProblems(...says)
  })
})
