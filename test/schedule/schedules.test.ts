import * as assert from 'uvu/assert'
import { newCron } from '../../edge/schedule/cron.ts'
import { schedulesRow } from '../../edge/schedule/options.ts'
import { Schedules } from '../../edge/schedule/schedules.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { headersOf, newSubscription, payloadOf } from '../../src/broker/post.ts'
import type { Message } from '../../src/message.ts'
import { checkConfig, formatProblem } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { random } from '../serial/cut.ts'
import { spec } from '../support/spec.ts'

function check(text: string) {
  const parsed = parseConfText(text, { read: () => '', env: {} }, 'edge.conf')
  if (parsed.is !== 'parsed') throw new Error(parsed.problem.text)
  const { values, errors } = checkConfig(parsed.root, { schedules: schedulesRow })
  return { options: values.schedules, errors: errors.map(formatProblem) }
}

async function bench(text: string, startMs = Date.UTC(2026, 10, 23, 11, 58, 30, 250)) {
  const { options, errors } = check(`schedules: [ ${text} ]`)
  assert.equal(errors, [])
  const account = new Account('$G')
  const clock = new FakeClock(startMs)
  const heard: string[] = []
  const messages: string[] = []
  const deliver = (message: Message): void => {
    heard.push(`${message.subject} ${new Date(clock.wallMs()).toISOString().slice(11, 19)}`)
    messages.push(headersOf(message).toString() + payloadOf(message).toString())
  }
  account.subscribe(newSubscription('>', { remote: false, deliver }))
  const schedules = new Schedules({ options, account: () => account, log: silentLog, clock })
  await schedules.start()
  const take = (): string[] => heard.splice(0)
  return { schedules, clock, take, messages }
}

const noon = '{ name: noon, cron: "0 12 * * *", timezone: UTC, subject: noon }'
const minutes = '{ name: tick, cron: "* * * * *", subject: tick }'
const seconds = '{ name: fast, cron: "*/10 * * * * *", subject: fast }'

spec('schedules', it => {
  it('publish when the expression is due, with payload and headers', async () => {
    const text = `{ name: a, cron: "0 12 * * *", timezone: UTC, subject: a.b, payload: "hello",
      headers: { Kind: test, Level: 3 } }`
    const { schedules, clock, take, messages } = await bench(text)
    clock.advance(89_749)
    assert.equal(take(), [])
    clock.advance(1)
    assert.equal(take(), ['a.b 12:00:00'])
    assert.equal(messages, ['NATS/1.0\r\nKind: test\r\nLevel: 3\r\n\r\nhello'])
    clock.advance(3_600_000)
    assert.equal(take(), [])
    await schedules.close()
  })

  it('run every minute, and with six fields every ten seconds', async () => {
    const { schedules, clock, take } = await bench(`${minutes}, ${seconds}`)
    clock.advance(31_000)
    assert.equal(take(), ['fast 11:58:40', 'fast 11:58:50', 'tick 11:59:00', 'fast 11:59:00'])
    await schedules.close()
    clock.advance(600_000)
    assert.equal(take(), [])
  })

  it('follow the time zone', async () => {
    const text = noon.replace('UTC', 'Asia/Kolkata').replace('0 12', '30 17')
    const { schedules, clock, take } = await bench(text)
    clock.advance(90_000)
    assert.equal(take(), ['noon 12:00:00'])
    await schedules.close()
  })

  it('do not burst when the clock jumps forward', async () => {
    const { schedules, clock, take } = await bench(`${minutes}, ${seconds}, ${noon}`)
    clock.advance(1000)
    clock.jump(10 * 24 * 3_600_000)
    clock.advance(5000)
    assert.equal(take(), [])
    clock.advance(4000)
    assert.equal(take(), ['fast 11:58:40'])
    await schedules.close()
  })

  it('go on when the clock jumps back', async () => {
    const { schedules, clock, take } = await bench(minutes)
    clock.advance(31_000)
    assert.equal(take(), ['tick 11:59:00'])
    clock.jump(-3_600_000)
    clock.advance(60_000)
    assert.equal(take(), ['tick 11:00:00'])
    await schedules.close()
  })

  it('do not run twice when the clock is set back a second', async () => {
    const { schedules, clock, take } = await bench(seconds)
    clock.advance(10_000)
    assert.equal(take(), ['fast 11:58:40'])
    clock.jump(-1000)
    clock.advance(9000)
    assert.equal(take(), [])
    clock.advance(3000)
    assert.equal(take(), ['fast 11:58:50'])
    await schedules.close()
  })

  it('go on after a clock before 1970', async () => {
    const { schedules, clock, take } = await bench(minutes, -90_500)
    clock.advance(31_000)
    assert.equal(take(), ['tick 23:59:00'])
    await schedules.close()
  })

  it('run once for the seconds that a late loop missed', async () => {
    const late = new LateClock()
    const account = new Account('$G')
    let runs = 0
    account.subscribe(newSubscription('>', { remote: false, deliver: () => void runs++ }))
    const { options } = check(`schedules: [ ${seconds} ]`)
    const schedules = new Schedules({
      options,
      account: () => account,
      log: silentLog,
      clock: late,
    })
    await schedules.start()
    late.pass(30_000)
    assert.is(runs, 1)
    late.pass(10_000)
    assert.is(runs, 2)
    // Longer than what is made up for: only the present second counts, and it is not due.
    late.pass(95_000)
    assert.is(runs, 2)
    await schedules.close()
  })

  it('show when they ran and run next', async () => {
    const { schedules, clock } = await bench(noon)
    clock.advance(90_000)
    const { schedules: shown } = schedules.view() as { schedules: Record<string, unknown>[] }
    const { next_run, ...rest } = shown[0] ?? {}
    assert.equal(rest, {
      name: 'noon',
      cron: '0 12 * * *',
      timezone: 'UTC',
      subject: 'noon',
      runs: 1,
      last_run: '2026-11-23T12:00:00.000Z',
    })
    assert.match(String(next_run), /T12:00:00\.000Z$/)
    assert.ok(Date.parse(String(next_run)) > Date.now())
    await schedules.close()
  })

  const wrong: readonly [string, string, string][] = [
    ['no name', '{ cron: "* * * * *", subject: a }', 'a schedule needs a name'],
    ['no cron', '{ name: a, subject: a }', 'a schedule needs cron'],
    ['no subject', '{ name: a, cron: "* * * * *" }', 'a schedule needs a subject'],
    ['a wrong minute', '{ name: a, cron: "61 * * * *", subject: a }', '"61 * * * *"'],
    ['an empty expression', '{ name: a, cron: "", subject: a }', 'wrong cron expression ""'],
    ['four fields', '{ name: a, cron: "* * * *", subject: a }', 'but got 4'],
    ['a day that never comes', '{ name: a, cron: "0 0 30 2 *", subject: a }', 'impossible'],
    ['a wild subject', '{ name: a, cron: "* * * * *", subject: "a.*" }', 'without wildcards'],
    [
      'an unknown time zone',
      '{ name: a, cron: "* * * * *", subject: a, timezone: Mars/Base }',
      'unknown time zone "Mars/Base"',
    ],
    [
      'a header that would end the block',
      '{ name: a, cron: "* * * * *", subject: a, headers: { A: "b\\r\\n\\r\\nc" } }',
      'header A must be a line',
    ],
    [
      'a header name with a colon',
      '{ name: a, cron: "* * * * *", subject: a, headers: { "A:b": c } }',
      'is no header name',
    ],
    [
      'one name twice',
      '{ name: a, cron: "* * * * *", subject: a }, { name: a, cron: "* * * * *", subject: a }',
      'two schedules are named "a"',
    ],
  ]
  for (const [name, text, expected] of wrong) {
    it(`refuse ${name}`, () => {
      const { errors } = check(`schedules: [ ${text} ]`)
      assert.is(errors.length, 1, errors.join('\n'))
      assert.ok(errors[0]?.includes(expected) && errors[0].startsWith('edge.conf:1:'), errors[0])
    })
  }
})

spec('cron', it => {
  it('looks at the seconds field first', () => {
    const cron = newCron('*/10 * * * * *', 'UTC')
    const at = Date.UTC(2026, 0, 1, 0, 0, 10)
    assert.ok(cron.isDue(at))
    assert.not(cron.isDue(at + 1000))
    cron.close()
  })
})

spec('cron of plain numbers', it => {
  it('is due when the package says so, in the time zone of the system', () => {
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone
    const next = random(7)
    const expressions = [
      '* * * * *',
      '*/7 * * * *',
      '0 9-17/2 * * 1-5',
      '30 4 1,15 * *',
      '0 0 * * 7',
      '0 0 * * 0',
      '15 3 29 2 *',
      '0 12 * jan,jul mon',
      '*/20 5 6 * * *',
      '0 0 L * *',
      '0 8 * * 5#2',
    ]
    let due = 0
    for (const expression of expressions) {
      const ours = newCron(expression, null)
      const theirs = newCron(expression, here)
      for (let i = 0; i < 1500; i++) {
        const pick = (values: readonly number[]): number =>
          values[Math.floor(next() * values.length)] ?? 0
        const day = pick([1, 2, 8, 9, 15, 28, 29, 30, 31])
        const hour = Math.floor(next() * 24)
        const second = pick([0, 0, 6, 20])
        const at = Date.UTC(2024, pick([0, 1, 6]), day, hour, pick([0, 7, 15, 30, 5]), second)
        const isDue = ours.isDue(at)
        if (isDue) due++
        assert.is(isDue, theirs.isDue(at), `${expression} ${new Date(at).toISOString()}`)
      }
      ours.close()
      theirs.close()
    }
    assert.ok(due > 500, `${due}`)
  })
})

/** A clock whose loop is late: time passes at once, then one timer fires. */
class LateClock extends FakeClock {
  #due: (() => void) | null = null
  #passedMs = 0

  override monotonicMs(): number {
    return this.#passedMs
  }

  override wallMs(): number {
    return Date.UTC(2026, 0, 1) + this.#passedMs
  }

  override after(_: number, fire: () => void) {
    this.#due = fire
    return { cancel: () => {} }
  }

  pass(ms: number): void {
    this.#passedMs += ms
    this.#due?.()
  }
}
