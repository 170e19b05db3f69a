/** A wording that changes after the approval, as an upgrade of the program may bring, is not sent to anybody (G7, M-27). */

import { describe, expect, it } from 'vitest'
import { answering, givenDesk, givenMessage, lastTo, previewCode } from '../support/given.ts'
import { type NoticeWorld, noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'

const cast = await people()
const ONE = 'ACME-2026-0001'
let desk: NoticeWorld

/** The program is replaced by one with another text of the notice, and started. */
function upgrade(text: (old: string) => string): void {
  const { settings } = desk.world.desk
  Object.assign(settings, { noticeTemplate: text(settings.noticeTemplate) })
  desk.world.restart()
}

describe('a notice whose template changed after its approval', () => {
  it('is held with an alarm, and leaves with the new words once these are approved', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    upgrade((old) => old.replace('tell nobody outside', 'tell somebody outside'))
    await desk.world.wait(UNTIL_DUE)
    expect(desk.states()).toEqual(['held'])
    expect(desk.alarms('notice-held')).toBe(2)
    expect(await desk.noticed(ONE)).toEqual([])
    await desk.approve(ONE)
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  })

  it('cannot be approved with the code of a preview of the old words', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    await desk.command(cast.grace, ONE, '/notice hold\n')
    desk.world.pass(1000)
    await desk.command(cast.grace, ONE, '/notice preview\n')
    const code = previewCode(desk.world)
    upgrade((old) => `${old}One more line.\n`)
    await desk.command(cast.linus, ONE, `/notice approve ${code}\n`)
    expect(desk.states()).toEqual(['held'])
  })

  it('stops in the middle of its release, so that members do not read different words', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.pass(UNTIL_DUE)
    // The release begins (two effects) and the process dies inside the first seal.
    desk.world.dieAt(3)
    await expect(desk.world.releaseOnce()).rejects.toThrow()
    upgrade((old) => `${old}One more line.\n`)
    expect(desk.states()).toEqual(['releasing'])
    await desk.world.settle()
    expect(desk.states()).toEqual(['held'])
    expect(await desk.noticed(ONE)).toEqual([])
  })
})

it('a notice whose template is the same after a restart leaves at its instant', async () => {
  desk = await noticeWorld(cast, { count: 1 })
  upgrade((old) => old)
  await desk.world.wait(UNTIL_DUE)
  expect(desk.states()).toEqual(['released'])
  expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
})

it('(B18) a field that repeats what the reporter wrote is named at the draft, and there is no preview', async () => {
  desk = await noticeWorld(cast, { count: 1 })
  const words = 'one two three four five six seven eight nine ten'
  const { world } = desk
  const letter = { subject: 'Re: x', text: words, ...answering(world, cast.alice) }
  await givenMessage(world, cast.alice, letter)
  const before = previewCode(world)
  for (const text of [`/notice draft\ndescription: ${words}\n`, '/notice preview\n']) {
    await desk.command(cast.grace, ONE, text)
    const said = await lastTo(world, cast.grace)
    expect(said).toContain('description repeats 10 or more words')
  }
  expect(previewCode(world)).toBe(before)
})

it('(B6, B18) /status says that the notice repeats the report, and offers no preview', async () => {
  const reported = 'one two three four five six seven eight nine ten'
  const world = await givenDesk([cast.grace, cast.linus])
  for (const member of cast.members) await world.addMember(member)
  await givenMessage(world, cast.alice, { subject: 'x', text: reported, as: 'encrypted' })
  const fields = `description: ${reported}\naffected_versions: all\nremedy_steps: update\nno_patches: none\n`
  for (const text of [
    `/accept\n/embargo 2026-12-04T12:00Z\n/notice draft\n${fields}`,
    '/status\n'
  ]) {
    world.pass(1000)
    await givenMessage(world, cast.grace, { subject: `Re: [${ONE}] x`, text })
  }
  const said = await lastTo(world, cast.grace)
  expect(said).toContain('description repeats 10 or more words')
  expect(said).not.toContain('/notice preview')
})
