import { itWalks } from '../support/walks.ts'

itWalks(60)
