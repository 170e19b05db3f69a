/** Who may approve a notice: nobody who wrote it or set its date since it was approved last (B3, four eyes). */

import { beforeEach, expect, it } from 'vitest'
import * as noticeStore from '../../src/store/notices.ts'
import { lastTo, previewCode } from '../support/given.ts'
import { type NoticeWorld, noticeWorld, people } from '../support/notice-world.ts'
import { PRODUCT, TAG } from '../unit/policy/samples.ts'

const them = await people()
let notices: NoticeWorld
beforeEach(async () => {
  notices = await noticeWorld(them, { count: 1 })
})

function authors(): readonly string[] | undefined {
  return notices.world.desk.db.read((read) => noticeStore.find(read, TAG))?.authors.ids
}
function kinds(): string[] {
  return notices.world
    .rows<{ kind: string }>(
      "SELECT kind FROM events WHERE kind GLOB 'notice-*' OR kind = 'embargo-set' ORDER BY id"
    )
    .map(({ kind }) => kind)
}
/** Previews the notice and has somebody approve it. */
async function approveBy(who: 'grace' | 'linus'): Promise<void> {
  notices.world.pass(1000)
  await notices.command(them.grace, TAG, '/notice preview\n')
  await notices.command(them[who], TAG, `/notice approve ${previewCode(notices.world)}\n`)
}

it('(B3) whoever wrote it stays its author while it is approved, and every act is on the record', () => {
  expect(authors()).toEqual(['grace'])
  expect(kinds()).toEqual([
    'embargo-set',
    'notice-drafted',
    'notice-previewed',
    'notice-approved',
    'notice-scheduled'
  ])
})

it('(B3) a maintainer who edits it after an approval is its only author, so the first one may approve that', async () => {
  await notices.command(them.linus, TAG, '/notice draft\nseverity: high\n')
  expect(authors()).toEqual(['linus'])
  await approveBy('linus')
  expect(notices.states()).toEqual(['drafting'])
  await approveBy('grace')
  expect(notices.states()).toEqual(['scheduled'])
})

it('(B3) a second author cannot approve what the first one wrote beside a new date', async () => {
  await notices.command(them.linus, TAG, '/notice draft\nseverity: low\n')
  await notices.command(them.grace, TAG, '/embargo 2026-12-03T12:00:00Z because it is ready\n')
  expect(authors()).toEqual(['linus', 'grace'])
  await approveBy('grace')
  await approveBy('linus')
  expect(notices.states()).toEqual(['drafting'])
})

it('(B3) a hold does not make anybody an author, nor an author an approver', async () => {
  await notices.command(them.linus, TAG, '/notice hold\n')
  expect(authors()).toEqual(['grace'])
  await notices.approve(TAG)
  expect(notices.states()).toEqual(['scheduled'])
})

it('(B3, G7) whoever moves a notice to the list of another product is its author, and cannot approve it', async () => {
  const library = { ...PRODUCT, id: 'library', name: 'ACME Library' }
  const moved = await noticeWorld(them, { count: 1, moreProducts: [library] })
  moved.world.desk.db.transact((tx) => {
    for (const { id } of them.members)
      tx.run(`UPDATE members SET products = '["parser","library"]' WHERE id = ?`, [id])
  })
  await moved.command(them.grace, TAG, '/notice draft\nseverity: high\n')
  await moved.command(them.linus, TAG, '/product library\n')
  await moved.approve(TAG)
  expect(moved.states()).toEqual(['drafting'])
  const said = await lastTo(moved.world, them.linus)
  expect(said).toContain(
    'You wrote the notice, set its date or moved it to another product since it was last approved. So did Grace.'
  )
})
