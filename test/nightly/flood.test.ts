import { itFloods } from '../support/floods.ts'

itFloods(100, 200)
