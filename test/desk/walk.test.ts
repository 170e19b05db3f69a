import { itWalks } from '../support/walks.ts'

itWalks(5)
