/**
 * The last decision about every arrival: what became of it (G1).
 */
import { type Decision, type Disposition } from '../domain/decision.ts'
import { type CaseTag } from '../domain/ids.ts'

/** `reason` is a constant sentence or code, never content. */
export function dispose(
  state: 'done' | 'held',
  disposition: Disposition,
  reason: string,
  tag: CaseTag | null = null
): Decision {
  return { kind: 'dispose', state, disposition, reason, tag }
}
