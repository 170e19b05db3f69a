/** What a maintainer may do, by name. */
export const ROLES = ['committer', 'release', 'approver', 'list-admin', 'advisor'] as const
export type Role = (typeof ROLES)[number]
