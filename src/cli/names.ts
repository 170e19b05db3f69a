/**
 * What commands call people: maintainers by their names; list members by nothing but their ids (G5), for only
 * `postern members` may say more.
 */
import { type Config } from '../config/config.ts'
import { type OutboxRow } from '../store/outbox.ts'

/** The name of a maintainer by id; the id of one who is not configured any more. */
export function maintainerNames({ maintainers }: Pick<Config, 'maintainers'>) {
  return (id: string): string => maintainers.find((one) => one.id === id)?.name ?? id
}

/** A message of the outbox as commands print it: no address of a list member. */
export function withoutMemberAddress(row: OutboxRow): Omit<OutboxRow, 'envelopeTo'> & {
  readonly envelopeTo: string | null
} {
  return row.audience === 'member' ? { ...row, envelopeTo: null } : row
}
