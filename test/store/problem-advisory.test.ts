// What is wrong with the store is told when it changes, again while it lasts, and when it is over.

import * as assert from 'uvu/assert'
import { ProblemAdvisory } from '../../edge/store/problem-advisory.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { spec } from '../support/spec.ts'

spec('store/problem-advisory', it => {
  it('tells of a change once, of what lasts each minute, and of the end', () => {
    const clock = new FakeClock()
    let problems: readonly string[] = []
    const told: string[] = []
    const advisory = new ProblemAdvisory({
      clock,
      serverName: 'edge',
      problems: () => problems,
      advise: (subject, type, body) => told.push(`${subject} ${type} ${JSON.stringify(body())}`),
    })
    const heard = (): string[] => told.splice(0)
    advisory.start()
    clock.advance(300_000)
    assert.equal(heard(), [], 'nothing is wrong')
    problems = ['disk is full']
    clock.advance(2000)
    const full = 'STORE.PROBLEM store_problem {"server":"edge","problems":["disk is full"]}'
    assert.equal(heard(), [full])
    clock.advance(58_000)
    assert.equal(heard(), [], 'not yet a minute')
    clock.advance(2000)
    assert.equal(heard(), [full], 'a minute')
    problems = []
    clock.advance(2000)
    assert.equal(heard(), ['STORE.PROBLEM store_problem {"server":"edge","problems":[]}'])
    clock.advance(300_000)
    assert.equal(heard(), [], 'all is well')
    advisory.close()
    advisory.close()
    problems = ['again']
    clock.advance(10_000)
    assert.equal(heard(), [], 'closed')
  })
})
