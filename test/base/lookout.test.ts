import * as assert from 'uvu/assert'
import { Lookout } from '../../src/base/lookout.ts'
import { spec } from '../support/spec.ts'

/** A lookout whose time stands still until it is told. */
function lookout(): { readonly look: Lookout; pass(ms: number): void; round(): Promise<void> } {
  let nowMs = 1000
  return {
    look: new Lookout(() => nowMs),
    pass: ms => {
      nowMs += ms
    },
    round: () => new Promise(resolve => setImmediate(resolve)),
  }
}

spec('lookout', it => {
  it('sleeps between turns that are far apart', () => {
    const { look, pass } = lookout()
    for (let turn = 0; turn < 5; turn++) {
      pass(0.2)
      look.turned()
      assert.not.ok(look.isLooking)
    }
  })

  it('looks after turns that are close, for a tenth of a millisecond', async () => {
    const { look, pass, round } = lookout()
    look.turned()
    pass(0.05)
    look.turned()
    assert.ok(look.isLooking)
    await round()
    assert.ok(look.isLooking)
    pass(0.09)
    look.turned()
    pass(0.09)
    await round()
    assert.ok(look.isLooking, 'a turn came meanwhile')
    pass(0.02)
    await round()
    await round()
    assert.not.ok(look.isLooking)
  })

  it('looks ever less often when it looks in vain', async () => {
    const { look, pass, round } = lookout()
    const slept: number[] = []
    let turns = 0
    look.turned()
    while (slept.length < 6) {
      pass(0.05)
      look.turned()
      if (!look.isLooking) {
        turns++
        continue
      }
      slept.push(turns)
      turns = 0
      pass(1)
      await round()
      await round()
      look.turned()
    }
    assert.equal(slept, [0, 1, 2, 4, 8, 16])
  })
})
