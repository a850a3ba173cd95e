// Limits after a power cut: what they evicted is deleted with the state, which comes later.

import * as fs from 'node:fs'
import * as assert from 'uvu/assert'
import type { StreamConfig } from '../../edge/store/shapes.ts'
import { spec } from '../support/spec.ts'
import { TestStore, put, temporaryDir } from './support.ts'

/** What a power cut leaves of a store with 100 messages on 5 subjects, opened again. */
async function afterCut(more: Partial<StreamConfig>): Promise<TestStore> {
  const test = await TestStore.start()
  const stream = test.stream({ name: 's', ...more })
  for (let i = 1; i <= 100; i++) {
    put(stream, `s.${i % 5}`)
    if (i % 4 === 0) await test.onDisk()
  }
  const before = stream.state()
  const dir = temporaryDir()
  fs.cpSync(test.dir, dir, { recursive: true })
  await test.done()
  const next = await TestStore.start({ dir }, test.clock)
  assert.equal(next.store.problems, [])
  assert.equal(next.store.stream('$G', 's')?.state(), before)
  return next
}

spec('limits after a power cut', it => {
  for (const [name, more, kept] of [
    ['one message of a subject', { max_msgs_per_subject: 1 }, 5],
    ['several messages of a subject', { max_msgs_per_subject: 3 }, 15],
    ['the number of messages', { max_msgs: 7 }, 7],
    ['bytes', { max_bytes: 34 * 9 }, 9],
    ['a subject and the number', { max_msgs_per_subject: 2, max_msgs: 8 }, 8],
  ] as const) {
    it(`hold: ${name}`, async () => {
      const test = await afterCut(more)
      const stream = test.store.stream('$G', 's')
      assert.ok(stream)
      assert.is(stream.batch([], 1, 200).length, kept)
      assert.is(stream.batch([], 1, 200)[0]?.seq, 101 - kept)
      await test.reopen()
      assert.is(test.store.stream('$G', 's')?.state().messages, kept)
      await test.done()
    })
  }
})
