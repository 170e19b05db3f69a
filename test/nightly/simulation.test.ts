import { describeHistories } from '../support/histories.ts'

describeHistories(Array.from({ length: 24 }, (_, index) => index + 2))
