/**
 * How commands name people: maintainers by their names, list members only by their ids (G5). Only `postern members` may
 * print more.
 */
import { type Config } from '../config/config.ts'
import { type OutboxRow } from '../store/outbox.ts'

/** The name of a maintainer by id; the id itself for somebody who is no longer configured. */
export function maintainerNames({ maintainers }: Pick<Config, 'maintainers'>) {
  return (id: string): string => maintainers.find((one) => one.id === id)?.name ?? id
}

/** A message of the outbox as commands print it: without the address of a list member. */
export function withoutMemberAddress(row: OutboxRow): Omit<OutboxRow, 'envelopeTo'> & {
  readonly envelopeTo: string | null
} {
  return row.audience === 'member' ? { ...row, envelopeTo: null } : row
}
