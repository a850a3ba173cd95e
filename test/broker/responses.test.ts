// Answers that are owed to other accounts, and what becomes of them when nobody waits any more.

import * as assert from 'uvu/assert'
import { Account } from '../../src/account/account.ts'
import type { PlannedImport } from '../../src/account/sharing-plan.ts'
import { newExport, newImport } from '../../src/account/sharing.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { newSubscription } from '../../src/broker/post.ts'
import { Responses, type ResponsesOwner } from '../../src/broker/responses.ts'
import { spec } from '../support/spec.ts'

const sink = { remote: false, deliver: () => {} } as const

/** An account that waits for so many answers of another, on `_INBOX.1`, `_INBOX.2` and so on. */
function owing(count: number) {
  const clock = new FakeClock()
  const [service, asker] = [new Account('S'), new Account('A')]
  let ended = 0
  const owner: ResponsesOwner = {
    clock,
    responsesOf: account => (account === service ? by : waiting),
    ended: () => void ended++,
    answered: () => {},
  }
  const [by, waiting] = [new Responses(service, owner), new Responses(asker, owner)]
  asker.sharing = { subscribed: () => {}, unsubscribed: one => waiting.unsubscribed(one) }
  const rule = newExport('service', 's')
  const terms = { account: 'S', from: 's', to: 's', map: null, isSame: false, export: rule }
  const via: PlannedImport = { ...terms, rule: newImport('service', 'S', 's') }
  for (let at = 1; at <= count; at++) {
    const asked = { reply: `_INBOX.${at}`, export: rule, isShared: false, measurement: null }
    by.add({ account: asker, via, ...asked })
  }
  const all = newSubscription('_INBOX.>', sink)
  asker.subscribe(all)
  return { clock, asker, all, by, ended: () => ended }
}

spec('answers that nobody waits for', it => {
  it('are forgotten with the wildcard that waited', () => {
    const { asker, all, by, ended } = owing(64)
    asker.unsubscribe(all)
    assert.is(ended(), 64)
    assert.is(by.open.size, 0)
  })

  it('hold nobody up who begins and ends wildcards while thousands are owed', () => {
    const { clock, asker, all, by, ended } = owing(5000)
    let looks = 0
    const match = asker.sublist.match.bind(asker.sublist)
    asker.sublist.match = subject => {
      looks++
      return match(subject)
    }
    for (let at = 0; at < 100; at++) {
      const again = newSubscription('_INBOX.>', sink)
      asker.subscribe(again)
      asker.unsubscribe(again)
    }
    assert.is(looks, 0)
    clock.advance(5000)
    assert.is(looks, 5000, 'once for all of them')
    assert.is(ended(), 0, 'somebody waits still')
    asker.unsubscribe(all)
    assert.is(ended(), 0)
    clock.advance(5000)
    assert.is(ended(), 5000)
    assert.is(by.open.size, 0)
    by.close()
  })
})
