import { itFloods } from '../support/floods.ts'

itFloods(0, 24)
