/**
 * Floods against the limits of automatic answers: for one sender, one domain and the desk. Every report is taken and relayed;
 * only the answers wait, and a maintainer can let one go.
 */

import { expect, it } from 'vitest'
import { HOUR } from '../support/desk.ts'
import { lines, textPart } from '../unit/reading/material.ts'
import { ADDRESSES } from './cast.ts'
import {
  ATTACK,
  becomes,
  describeAttacks,
  head,
  openEmpty,
  openScene,
  payload,
  scene,
  sealedMail
} from './scene.ts'

describeAttacks('attacks on the limits of automatic answers', () => {
  let count = 0
  /** A report of each sender, and each of them taken. */
  async function flood(senders: readonly string[]): Promise<void> {
    for (const sender of senders) {
      count += 1
      const text = textPart(`${ATTACK} ${count}`)
      await becomes('case-opened', `${lines(...head(`<${sender}>`))}${text}\r\n`)
    }
  }
  /** Addresses that were answered, in order. */
  const answered = (): string[] =>
    scene.world.accepted
      .map(({ to }) => to as string)
      .filter((to) => to.endsWith('.example') && !to.endsWith('@acme.example'))
  async function allAreTaken(count: number): Promise<void> {
    expect(scene.world.rows('SELECT id FROM cases')).toHaveLength(count)
    for (const who of ['grace', 'linus'] as const) {
      const relays = await scene.mailsTo(who)
      expect(relays.filter((words) => words.includes(ATTACK))).toHaveLength(count)
    }
  }
  async function hoursLater(count = 1): Promise<void> {
    for (let hours = 0; hours < count; hours += 1) await scene.world.wait(HOUR)
  }

  it('20 floods: only so many senders of one domain are answered in an hour, and answers to another domain do not wait', async () => {
    await openEmpty({ acknowledgement: { per_domain_hour: 2 } })
    // A domain is one however it is written.
    const robots = ['a0@robot.example', 'a1@ROBOT.example', 'a2@Robot.Example', 'a3@robot.example']
    await flood([...robots, 'one@other.example', 'a4@robot.example', 'two@other.example'])
    expect(answered()).toEqual([
      'a0@robot.example',
      'a1@robot.example',
      'one@other.example',
      'two@other.example'
    ])
    await allAreTaken(7)
    await scene.world.wait(HOUR - 1)
    expect(answered()).toHaveLength(4)
    await scene.world.wait(1)
    expect(answered().slice(4)).toEqual(['a2@robot.example', 'a3@robot.example'])
    await hoursLater()
    expect(answered().slice(6)).toEqual(['a4@robot.example'])
    await hoursLater()
    expect(answered()).toHaveLength(7)
  })

  it('20 floods: only so many senders of all domains together are answered in an hour, and the others wait their turn', async () => {
    await openEmpty({ acknowledgement: { per_hour: 3 } })
    const robots = Array.from({ length: 8 }, (_, index) => `a@robot${index}.example`)
    await flood(robots)
    expect(answered()).toEqual(robots.slice(0, 3))
    await allAreTaken(8)
    await hoursLater()
    expect(answered()).toEqual(robots.slice(0, 6))
    await hoursLater()
    expect(answered()).toEqual(robots)
  })

  it('20 floods (B11): five reports of one sender in 24 hours are acknowledged, however the address is written; one message a day lists the others', async () => {
    await openEmpty()
    const sender = 'a@robot.example'
    const lists = () =>
      scene.world.rows(
        "SELECT lower(envelope_to) AS who FROM outbox WHERE kind = 'further-reports'"
      )
    await flood([sender, sender, 'A@Robot.Example', sender, sender])
    expect(answered()).toHaveLength(5)
    expect(lists()).toEqual([])
    await flood([sender, 'A@Robot.Example', sender])
    await scene.world.settle()
    expect(lists()).toEqual([{ who: sender }])
    await allAreTaken(8)
    await hoursLater(23)
    expect(lists()).toHaveLength(1)
    await hoursLater()
    expect(lists()).toHaveLength(2)
    expect(scene.world.rows('SELECT case_id FROM further_reports')).toEqual([])
    await flood([sender])
    expect(answered()).toHaveLength(8)
  })

  it('20 floods (A5): whoever makes up names below one domain has the share of one domain', async () => {
    await openEmpty({ acknowledgement: { per_hour: 2, per_domain_hour: 2 } })
    await flood(Array.from({ length: 9 }, (_, index) => `a@x${index}.robot.example`))
    expect(answered()).toHaveLength(2)
    await flood(['one@other.example'])
    expect(answered().at(-1)).toBe('one@other.example')
    await hoursLater(4)
    expect(answered()).toHaveLength(10)
  })

  it('20 floods (A5): what nobody proves uses up nothing that proved senders have', async () => {
    await openScene({ acknowledgement: { per_hour: 2, per_domain_hour: 2 } })
    const before = answered().length
    await flood(Array.from({ length: 8 }, (_, index) => `a@robot${index}.example`))
    await scene.attack(await sealedMail('alice', payload('alice', 'two', 'b'), 'alice'))
    expect(answered().slice(before).at(-1)).toBe(ADDRESSES.alice)
  })

  it('20 floods (A5): an answer that waits for its turn says that it comes late', async () => {
    await openEmpty({ acknowledgement: { per_hour: 1 } })
    await flood(['one@first.example', 'two@second.example', 'three@third.example'])
    await hoursLater(2)
    const late = scene.world.accepted.flatMap(({ to, raw }) =>
      Buffer.from(raw).toString().replaceAll(/\s+/g, ' ').includes('this message comes late')
        ? [to]
        : []
    )
    expect(late).toEqual(['three@third.example'])
  })
})
