// Clocks that are wrong (invariant 6): a board that starts in 1970 and is set right, a clock that
// jumps ten years forward, one that jumps ten years back. Nothing that waits for time to pass may
// notice: ages, duplicates, acks, pauses, TTLs; what waits for a date goes when the date is here.
//
// The whole of JetStream in this process, asked as clients ask, on a clock that is told to move.

import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import { World } from './power/world.ts'

const minuteMs = 60_000
const minuteNs = 60_000_000_000
const yearMs = 365.25 * 24 * 60 * minuteMs

interface Trouble {
  readonly name: string
  readonly startMs: number
  readonly byMs: number
}

const troubles: readonly Trouble[] = [
  { name: 'starts in 1970 and is set right', startMs: 5000, byMs: 56 * yearMs },
  { name: 'jumps ten years forward', startMs: 56 * yearMs, byMs: 10 * yearMs },
  { name: 'jumps ten years back', startMs: 56 * yearMs, byMs: -10 * yearMs },
]

/** Runs with a world whose clock starts where the trouble wants it; `jump` makes the trouble. */
async function withWorld(
  trouble: Trouble,
  test: (world: World, jump: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const world = new World(scratch('clocks'), new FakeClock(trouble.startMs))
  await world.start()
  try {
    await test(world, () => {
      world.clock.jump(trouble.byMs)
      return pass(world, 1000)
    })
  } finally {
    await world.close()
  }
}

/** In steps, so that what a timer does makes new timers in time. */
async function pass(world: World, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    world.clock.advance(Math.min(left, 500))
    if (left % 5000 === 0) await world.quiet()
  }
  await world.quiet()
}

function say(world: World, subject: string, headers = ''): Promise<Record<string, unknown>> {
  const block = headers === '' ? null : Buffer.from(`NATS/1.0\r\n${headers}\r\n\r\n`)
  return new Promise(resolve =>
    world.ask(subject, 'x', block, text => resolve(JSON.parse(text) as Record<string, unknown>)),
  )
}

const messages = (world: World, name: string): number => world.stream(name)?.state().messages ?? -1

for (const trouble of troubles) {
  spec(`a clock that ${trouble.name}`, it => {
    it('ages no message but by the time that passes', () =>
      withWorld(trouble, async (world, jump) => {
        await world.request('STREAM.CREATE.S', { name: 'S', subjects: ['s'], max_age: minuteNs })
        await say(world, 's')
        await pass(world, minuteMs / 2)
        await jump()
        await say(world, 's')
        await pass(world, minuteMs / 2 - 3000)
        assert.is(messages(world, 'S'), 2)
        await pass(world, 4000)
        assert.is(messages(world, 'S'), 1)
        await pass(world, minuteMs / 2)
        assert.is(messages(world, 'S'), 0)
      }))

    it('neither forgets a duplicate nor keeps it for ever', () =>
      withWorld(trouble, async (world, jump) => {
        const config = { name: 'S', subjects: ['s'], duplicate_window: minuteNs }
        await world.request('STREAM.CREATE.S', config)
        assert.is((await say(world, 's', 'Nats-Msg-Id: 1')).seq, 1)
        await jump()
        await pass(world, minuteMs - 3000)
        assert.is((await say(world, 's', 'Nats-Msg-Id: 1')).duplicate, true)
        await pass(world, 4000)
        assert.is((await say(world, 's', 'Nats-Msg-Id: 1')).seq, 2)
      }))

    it('delivers again when ack_wait has passed, not before', () =>
      withWorld(trouble, async (world, jump) => {
        await world.request('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
        await say(world, 's')
        await world.request('CONSUMER.DURABLE.CREATE.S.c', {
          stream_name: 'S',
          config: { durable_name: 'c', ack_policy: 'explicit', ack_wait: minuteNs },
        })
        const came = async (): Promise<number[]> => {
          world.pull('S.c', 10)
          await world.quiet()
          return world.deliveries.splice(0).map(({ seq }) => seq)
        }
        assert.equal(await came(), [1])
        await jump()
        assert.equal(await came(), [])
        await pass(world, minuteMs - 5000)
        assert.equal(await came(), [])
        await pass(world, 6000)
        assert.equal(await came(), [1])
      }))

    it('keeps no consumer paused for longer than it was to be', () =>
      withWorld(trouble, async (world, jump) => {
        await world.request('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
        await say(world, 's')
        await world.request('CONSUMER.DURABLE.CREATE.S.c', {
          stream_name: 'S',
          config: { durable_name: 'c', ack_policy: 'explicit' },
        })
        const until = new Date(world.store.nowUs() / 1000 + minuteMs).toISOString()
        await world.request('CONSUMER.PAUSE.S.c', { pause_until: until })
        world.pull('S.c', 1)
        await pass(world, 10_000)
        assert.is(world.deliveries.length, 0)
        await jump()
        // A date that has come is past; a clock set back does not take it back.
        if (trouble.byMs < 0) {
          await pass(world, minuteMs / 2)
          assert.is(world.deliveries.length, 0)
          await pass(world, minuteMs / 2)
        }
        await pass(world, 1500)
        world.pull('S.c', 1)
        await world.quiet()
        assert.is(world.deliveries.length, 1)
      }))

    it('ends no message with a TTL but by the time that passes', () =>
      withWorld(trouble, async (world, jump) => {
        const config = { name: 'S', subjects: ['s'], allow_msg_ttl: true }
        await world.request('STREAM.CREATE.S', config)
        await say(world, 's', 'Nats-TTL: 60s')
        await jump()
        await pass(world, minuteMs - 5000)
        assert.is(messages(world, 'S'), 1)
        await pass(world, 6000)
        assert.is(messages(world, 'S'), 0)
      }))

    it('sends what is scheduled once a minute neither in a burst nor never', () =>
      withWorld(trouble, async (world, jump) => {
        const config = { name: 'S', subjects: ['s', 'target'], allow_msg_schedules: true }
        await world.request('STREAM.CREATE.S', config)
        await say(world, 's', 'Nats-Schedule: @every 1m\r\nNats-Schedule-Target: target')
        const sent = (): number => (world.stream('S')?.state().lastSeq ?? 0) - 1
        await pass(world, minuteMs + 1000)
        assert.is(sent(), 1)
        await jump()
        assert.ok(sent() <= 2, `${sent()} after the jump`)
        // A clock that stays back is believed after ten minutes (timed/timekeeper.ts).
        if (trouble.byMs < 0) await pass(world, 10 * minuteMs)
        const before = sent()
        await pass(world, 3 * minuteMs)
        assert.ok(sent() - before >= 2 && sent() - before <= 4, `${sent() - before} in 3 minutes`)
      }))

    it('drops no consumer that is in use', () =>
      withWorld(trouble, async (world, jump) => {
        await world.request('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
        await world.request('CONSUMER.CREATE.S.e', {
          stream_name: 'S',
          config: { name: 'e', ack_policy: 'explicit', inactive_threshold: minuteNs },
        })
        await jump()
        await pass(world, minuteMs - 5000)
        assert.is(world.jetstream.hasConsumer('$G', 'S', 'e'), true)
        await pass(world, 10_000)
        assert.is(world.jetstream.hasConsumer('$G', 'S', 'e'), false)
      }))
  })
}

spec('a clock that is wrong at the start', it => {
  it('does not take back the time of what is stored', async () => {
    const dir = scratch('clocks')
    let world = new World(dir, new FakeClock(56 * yearMs))
    await world.start()
    await world.request('STREAM.CREATE.S', { name: 'S', subjects: ['s'], max_age: minuteNs })
    await say(world, 's', 'Nats-Msg-Id: 1')
    const first = world.stream('S')?.state().lastTimeUs ?? 0
    await world.close()
    // No battery: the board is in 1970 again, and stays there for a while.
    world = new World(dir, new FakeClock(5000))
    await world.start()
    assert.is((await say(world, 's', 'Nats-Msg-Id: 1')).duplicate, true)
    assert.is((await say(world, 's')).seq, 2)
    assert.ok((world.stream('S')?.state().lastTimeUs ?? 0) >= first)
    world.clock.jump(56 * yearMs + minuteMs / 2)
    await pass(world, minuteMs / 2 - 5000)
    assert.is(messages(world, 'S'), 2)
    await pass(world, minuteMs)
    assert.is(messages(world, 'S'), 0)
    await world.close()
  })
})
