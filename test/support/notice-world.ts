/** A world with cases whose advance notices are approved and wait for their instant, and what tests ask about them. */

import { type Policy } from '../../src/domain/policy.ts'
import { type Product } from '../../src/domain/settings.ts'
import { givenDesk, givenMessage, previewCode } from './given.ts'
import { type Someone, someone, type World } from './world.ts'

const DAY = 86_400_000
export const FIELDS =
  'description: the hole\naffected_versions: all\nremedy_steps: update\nno_patches: they follow\n'
/** From the start of a world until notices for this disclosure are due under the sample policy. */
export const UNTIL_DUE = 4 * DAY
const DISCLOSURE = '2026-12-04T12:00:00Z'

export type People = {
  readonly grace: Someone
  readonly linus: Someone
  readonly alice: Someone
  readonly members: readonly Someone[]
}

/** Two maintainers, a reporter and three members of the list. */
export async function people(): Promise<People> {
  const [grace, linus, alice, ...members] = await Promise.all([
    someone('grace', 'grace@acme.example'),
    someone('linus', 'linus@acme.example'),
    someone('alice', 'alice@reporter.example'),
    ...['debian', 'freebsd', 'suse'].map((id) => someone(id, `security@${id}.example`))
  ])
  return { grace, linus, alice, members }
}

export type NoticeWorld = {
  readonly world: World
  /** A signed message about a case, handled. */
  command(from: Someone, tag: string, text: string): Promise<void>
  /** Previews and approves the notice of a case. */
  approve(tag: string): Promise<void>
  /** State of each notice, in the order of the cases. */
  states(): string[]
  /** Ids of the members who got a notice of this case, sorted. */
  noticed(tag: string): Promise<string[]>
  /** Number of alarms whose cause begins so, one a maintainer. */
  alarms(cause: string): number
}

/** `count` cases with approved notices that are due at once. */
export async function noticeWorld(
  { grace, linus, alice, members }: People,
  options: {
    readonly count: number
    readonly policy?: Partial<Policy>
    readonly moreProducts?: readonly Product[]
    /** Whether the reporter's message brings their key. */
    readonly autocrypt?: boolean
  }
): Promise<NoticeWorld> {
  const world = await givenDesk([grace, linus], options)
  for (const member of members) await world.addMember(member)
  const command = async (from: Someone, tag: string, text: string): Promise<void> => {
    await givenMessage(world, from, { subject: `Re: [${tag}] x`, text })
  }
  const approve = async (tag: string): Promise<void> => {
    world.pass(1000)
    await command(grace, tag, '/notice preview\n')
    await command(linus, tag, `/notice approve ${previewCode(world)}\n`)
  }
  for (let number = 1; number <= options.count; number += 1) {
    const tag = `ACME-2026-000${number}`
    await givenMessage(world, alice, {
      subject: 'x',
      text: `x ${number}`,
      as: 'encrypted',
      autocrypt: options.autocrypt ?? true
    })
    await command(grace, tag, `/accept\n/embargo ${DISCLOSURE}\n/notice draft\n${FIELDS}`)
    await approve(tag)
  }
  return {
    world,
    command,
    approve,
    states: () =>
      world
        .rows<{ state: string }>('SELECT state FROM notices ORDER BY id')
        .map(({ state }) => state),
    noticed: async (tag) => {
      const ids: string[] = []
      for (const mail of world.accepted) {
        const member = members.find(({ address }) => address === mail.to)
        if (member === undefined) continue
        if ((await world.read(member, mail)).includes(`[${tag}] Notice`)) ids.push(member.id)
      }
      return ids.sort()
    },
    alarms: (cause) =>
      world.rows('SELECT id FROM outbox WHERE once LIKE ?', [`alert:${cause}%`]).length
  }
}
