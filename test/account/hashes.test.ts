// bcrypt hashes: right and wrong passwords, what is remembered, bounds, and the thread's life.

import { hashSync } from 'bcryptjs'
import * as assert from 'uvu/assert'
import { hashCost, Hashes, isHash, noHashes } from '../../src/account/hashes.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { spec } from '../support/spec.ts'

const hash = hashSync('pw', 4)
const yes = () => true

async function using(test: (hashes: Hashes, clock: FakeClock) => Promise<void>): Promise<void> {
  const clock = new FakeClock()
  const hashes = new Hashes(clock)
  try {
    await test(hashes, clock)
  } finally {
    hashes.close()
  }
}

spec('bcrypt hashes', it => {
  it('are told from plain passwords', () => {
    assert.ok(isHash(hash))
    for (const plain of ['', 'pw', '$2a$', '$2c$10$abc', '$1$10$abc', 'x$2a$10$']) {
      assert.not.ok(isHash(plain), plain)
    }
    assert.is(hashCost(hash), 4)
    assert.is(hashCost(hash.slice(0, -1)), null)
    assert.is(hashCost(`${hash}a`), null)
    assert.is(hashCost(hash.replace('$04$', '$03$')), null)
    assert.is(hashCost(hash.replace('$04$', '$31$')), 31)
    assert.is(hashCost(hash.replace('$04$', '$32$')), null)
  })

  // Published vectors of bcrypt.
  const vectors = [
    ['', '$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'],
    ['abc', '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ] as const
  it('match the password they were made of, in every version', () =>
    using(async hashes => {
      for (const [password, vector] of vectors) {
        assert.ok(await hashes.check(vector, password, yes))
        assert.not.ok(await hashes.check(vector, `${password}x`, yes))
      }
      for (const version of ['a', 'b', 'x', 'y']) {
        const other = hash.replace('$2b', `$2${version}`)
        assert.ok(await hashes.check(other, 'pw', yes), version)
        assert.not.ok(await hashes.check(other, 'pW', yes), version)
      }
    }))

  it('are recognised again at once, a wrong password never', () =>
    using(async hashes => {
      const first = hashes.check(hash, 'pw', yes)
      assert.instance(first, Promise)
      assert.is(await first, true)
      assert.is(hashes.check(hash, 'pw', yes), true)
      assert.is(await hashes.check(hash, 'no', yes), false)
      assert.is(hashes.check(hash, 'pw', yes), true)
    }))

  it('are not computed for somebody who has gone', () =>
    using(async hashes => {
      assert.is(await hashes.check(hash, 'pw', () => false), false)
      assert.not.ok(hashes.isRunning)
      let isHere = true
      const first = hashes.check(hash, 'no', yes)
      const second = hashes.check(hash, 'pw', () => isHere)
      isHere = false
      assert.is(await first, false)
      assert.is(await second, false)
      assert.instance(hashes.check(hash, 'pw', yes), Promise, 'was computed all the same')
    }))

  it('wait in a line of 1024, behind the one that is computed', () =>
    using(async hashes => {
      const answers = Array.from({ length: 1025 }, () => hashes.check(hash, 'pw', yes))
      assert.ok(answers.every(answer => answer instanceof Promise))
      assert.is(hashes.check(hash, 'pw', yes), false)
      // The first one proves it for all that wait.
      assert.ok((await Promise.all(answers)).every(Boolean))
      assert.is(hashes.check(hash, 'pw', yes), true)
    }))

  it('are computed by a thread that ends when it is idle', () =>
    using(async (hashes, clock) => {
      assert.not.ok(hashes.isRunning)
      await hashes.check(hash, 'no', yes)
      assert.ok(hashes.isRunning)
      clock.advance(9_999)
      assert.ok(hashes.isRunning)
      clock.advance(1)
      assert.not.ok(hashes.isRunning)
      assert.is(await hashes.check(hash, 'no', yes), false)
      assert.ok(hashes.isRunning)
      const pending = hashes.check(hash, 'no', yes)
      clock.advance(20_000)
      assert.ok(hashes.isRunning, 'ended at work')
      await pending
    }))

  it('refuse whoever still waits at the end', async () => {
    const hashes = new Hashes(new FakeClock())
    const answers = [hashes.check(hash, 'pw', yes), hashes.check(hash, 'pw', yes)]
    hashes.close()
    assert.equal(await Promise.all(answers), [false, false])
    assert.not.ok(hashes.isRunning)
    hashes.close()
  })

  it('refuse what is no whole hash, and everybody where none is configured', () =>
    using(async hashes => {
      assert.is(hashes.check('$2a$10$short', 'x', yes), false)
      assert.is(noHashes.check(hash, 'pw', yes), false)
      assert.not.ok(hashes.isRunning)
    }))

  it('refuse whom the thread failed for, and the next login has another', () =>
    using(async hashes => {
      const broken = hashes.check(hash, null as unknown as string, yes)
      const after = hashes.check(hash, 'pw', yes)
      assert.is(await broken, false)
      assert.is(await after, true)
      assert.ok(hashes.isRunning)
    }))
})
