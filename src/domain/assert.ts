/**
 * Invariants: statements that hold unless the code is wrong. A broken one is a bug, never an answer to bad input.
 * Must never carry mail content, addresses or secrets in its message, because messages are logged.
 */

/** A broken invariant. The loop logs it and continues with the next task (G9). */
export class Invariant extends Error {
  override readonly name = 'Invariant'
}

/** Throws {@link Invariant} with `what` unless `condition` holds. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Invariant(what)
}
