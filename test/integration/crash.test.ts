import { describeKills } from '../support/kills.ts'

describeKills(12)
