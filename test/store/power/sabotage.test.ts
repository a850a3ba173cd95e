// The judge is judged: a store that leaves out its syncs, or some of them, loses what it promised,
// and the power-cut test notices.

import * as assert from 'uvu/assert'
import { spec } from '../../support/spec.ts'
import { hold } from './trial.ts'

const rounds = 70
const caseMsMax = 150_000

spec('power cut', it => {
  for (const [name, sabotage, count] of [
    ['without fdatasync', 'no-sync', 48],
    ['without the fdatasync of a checkpoint', 'no-file-sync', 160],
  ] as const) {
    it(
      `would be noticed ${name}`,
      async () => {
        const { failures } = await hold({ sabotage, rounds, count, failuresMax: 1 })
        assert.ok(failures.length > 0, 'nothing was lost although nothing was synced')
      },
      caseMsMax,
    )
  }
})
