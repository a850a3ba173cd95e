// The flat table of unacknowledged deliveries, against a Map that does the same.

import * as assert from 'uvu/assert'
import { PendingMessages } from '../../edge/store/consumer/pending.ts'
import { Slots } from '../../edge/store/consumer/slots.ts'
import { Stamp } from '../../edge/store/consumer/stamp.ts'
import { spec } from '../support/spec.ts'

/** The same numbers every time. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % below
  }
}

const inOrder = (slots: Slots): number[] => {
  const seqs: number[] = []
  for (let slot = slots.oldest; slot >= 0; slot = slots.next[slot] as number) {
    seqs.push(slots.seqs[slot] as number)
  }
  return seqs
}

spec('slots of pending messages', it => {
  it('hold what a map holds, in the order of deliveries', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = numbers(seed)
      const slots = new Slots()
      const model = new Map<number, number>()
      // Sequences that share their places in the table, and sequences in a row.
      const step = [1, 64, 128, 2 ** 33][seed % 4] as number
      for (let i = 0; i < 4000; i++) {
        const seq = 1 + random(300) * step
        const slot = slots.find(seq)
        assert.is(slot >= 0, model.has(seq))
        if (slot < 0) {
          slots.insert(seq, i, 1, i)
          model.set(seq, i)
        } else if (random(3) === 0) {
          slots.renew(slot, i)
          const known = model.get(seq) as number
          model.delete(seq)
          model.set(seq, known)
        } else {
          assert.is(slots.consumerSeqs[slot], model.get(seq))
          slots.delete(slot)
          model.delete(seq)
        }
        assert.is(slots.count, model.size)
      }
      assert.equal(inOrder(slots), [...model.keys()])
    }
  })

  it('give back the memory that many once needed', () => {
    const slots = new Slots()
    for (let seq = 1; seq <= 50_000; seq++) slots.insert(seq, seq, 1, 0)
    assert.is(slots.seqs.length, 65_536)
    for (let seq = 50_000; seq >= 1; seq--) slots.delete(slots.find(seq))
    assert.is(slots.count, 0)
    assert.is(slots.seqs.length, 64)
    assert.is(slots.find(7), -1)
    slots.insert(7, 1, 1, 0)
    assert.equal(inOrder(slots), [7])
  })

  it('cost the same however many stand in a row', () => {
    const slots = new Slots()
    const count = 100_000
    for (let seq = 1; seq <= count; seq++) slots.insert(seq, seq, 1, 0)
    const startMs = performance.now()
    for (let seq = 1; seq <= count; seq++) slots.delete(slots.find(seq))
    assert.is(slots.count, 0)
    // A walk along the row would take minutes.
    assert.ok(performance.now() - startMs < 2000)
  })

  it('are saved by what changed, and rows that never were are not deleted', () => {
    const pending = new PendingMessages({ waitMs: () => 1000, isSteady: true })
    pending.add(1, 1, 0)
    pending.remove(1)
    assert.equal(pending.takeChanges(), [])
    pending.add(300, 2, 0)
    assert.equal(pending.takeChanges(), [[1, '[44,2,1]']])
    pending.remove(300)
    assert.equal(pending.takeChanges(), [[1, null]])
    pending.touchChunks([1])
    assert.equal(pending.takeChanges(), [[1, null]])
    assert.equal(pending.takeChanges(), [])
  })

  it('fall due by the wait that holds now', () => {
    let waitMs = 1000
    const pending = new PendingMessages({ waitMs: () => waitMs, isSteady: true })
    pending.add(1, 1, 0)
    pending.add(2, 2, 500)
    assert.is(pending.nextDueMs(), 1000)
    waitMs = 100
    assert.equal(
      pending.due(550).map(({ seq }) => seq),
      [1],
    )
    assert.is(pending.lastDueMs(), 600)
  })

  it('times of ack subjects are printed as they are', () => {
    const stamp = new Stamp()
    const times = [0, 1, 999_999, 1_000_000, 1_795_320_160_177_365, 1_795_320_160_000_007]
    for (const time of [...times, ...times.reverse()]) assert.is(stamp.text(time), `${time}000`)
  })
})
