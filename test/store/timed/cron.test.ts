// Cron expressions as nats-server's schedules mean them, and time zones: rows of an expression, a
// time, and the next time. The next times of a peer are compared in test/peer/timed.test.ts.

import * as assert from 'uvu/assert'
import { cronOf, nextMatch } from '../../../edge/store/timed/cron.ts'
import { zoneOf } from '../../../edge/store/timed/zone.ts'
import { spec } from '../../support/spec.ts'

function next(expression: string, after: string, zoneName = 'UTC'): string | null {
  const cron = cronOf(expression)
  const zone = zoneOf(zoneName)
  if (!cron || !zone) throw new Error(`${expression} or ${zoneName} is refused`)
  const ms = nextMatch(cron, zone, Date.parse(after))
  return ms === null ? null : new Date(ms).toISOString().replace('.000Z', 'Z')
}

const rows: readonly (readonly [expression: string, after: string, next: string | null])[] = [
  ['* * * * * *', '2026-03-04T05:06:07Z', '2026-03-04T05:06:08Z'],
  ['* * * * * *', '2026-03-04T05:06:07.999Z', '2026-03-04T05:06:08Z'],
  ['0 * * * * *', '2026-03-04T05:06:00Z', '2026-03-04T05:07:00Z'],
  ['*/20 * * * * *', '2026-03-04T05:06:41Z', '2026-03-04T05:07:00Z'],
  ['5/20 * * * * *', '2026-03-04T05:06:26Z', '2026-03-04T05:06:45Z'],
  ['10-20/5 * * * * *', '2026-03-04T05:06:15Z', '2026-03-04T05:06:20Z'],
  ['10-20/5 * * * * *', '2026-03-04T05:06:20Z', '2026-03-04T05:07:10Z'],
  ['1,,2, * * * * *', '2026-03-04T05:06:01Z', '2026-03-04T05:06:02Z'],
  ['? ? ? ? ? ?', '2026-03-04T05:06:07Z', '2026-03-04T05:06:08Z'],
  ['*-3 * * * * *', '2026-03-04T05:06:07Z', '2026-03-04T05:06:08Z'],
  ['0 0 5 * * *', '2026-03-04T05:00:00Z', '2026-03-05T05:00:00Z'],
  ['0 59 23 31 12 *', '2026-12-31T23:59:00Z', '2027-12-31T23:59:00Z'],
  ['0 0 0 1 JAN *', '2026-03-04T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['0 0 0 * feb-mar sun', '2026-03-30T00:00:00Z', '2027-02-07T00:00:00Z'],
  ['0 0 0 31 * *', '2026-01-31T00:00:00Z', '2026-03-31T00:00:00Z'],
  // Leap years.
  ['0 0 0 29 2 *', '2026-03-04T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['0 0 0 30 2 mon', '2026-03-04T00:00:00Z', '2027-02-01T00:00:00Z'],
  // Both days must match when one of them is a star, else one of them does.
  ['0 0 0 13 * fri', '2026-03-14T00:00:00Z', '2026-03-20T00:00:00Z'],
  ['0 0 0 13 * *', '2026-03-14T00:00:00Z', '2026-04-13T00:00:00Z'],
  ['0 0 0 */2 * fri', '2026-03-13T00:00:00Z', '2026-03-15T00:00:00Z'],
  ['0 0 0 ? * fri', '2026-03-13T00:00:00Z', '2026-03-20T00:00:00Z'],
  ['0 0 0 , * fri', '2026-03-13T00:00:00Z', '2026-03-20T00:00:00Z'],
  ['  0  0\t0 1 * *  ', '2026-03-13T00:00:00Z', '2026-04-01T00:00:00Z'],
]

const refused = [
  '',
  '* * * * *',
  '* * * * * * *',
  '60 * * * * *',
  '* 60 * * * *',
  '* * 24 * * *',
  '* * * 0 * *',
  '* * * 32 * *',
  '* * * * 0 *',
  '* * * * 13 *',
  '* * * * * 7',
  '* * * * * sunday',
  '5-3 * * * * *',
  '1-2-3 * * * * *',
  '*/0 * * * * *',
  '*/2/3 * * * * *',
  '*/ * * * * *',
  '-1 * * * * *',
  'a * * * * *',
  '1.5 * * * * *',
  ', * * * * *',
  '@daily',
  `${'1,'.repeat(600)}1 * * * * *`,
]

spec('cron expressions of schedules', it => {
  it('find the next time', () => {
    for (const [expression, after, expected] of rows) {
      assert.is(next(expression, after), expected, `${expression} after ${after}`)
    }
  })

  it('are refused when they are none', () => {
    for (const text of refused) assert.is(cronOf(text), null, text)
  })

  it('that never come are none, those that seldom come are given up soon', () => {
    for (const text of ['0 0 0 30 2 *', '0 0 0 31 2,4,6,9,11 *', '0 0 0 , * *']) {
      assert.is(cronOf(text), null, text)
    }
    assert.is(cronOf('0 0 0 * * ,'), null)
    assert.is(next('0 0 0 29 2 */7', '2026-03-04T00:00:00Z'), '2027-02-07T00:00:00Z')
    assert.is(next('0 0 0 29 2 *', '2096-03-04T00:00:00Z', 'Europe/Berlin'), null)
    assert.is(
      next('59 59 23 31 12 *', '2026-01-01T00:00:00Z', 'Asia/Tokyo'),
      '2026-12-31T14:59:59Z',
    )
  })

  it('go by the clocks of a zone, over the days they are changed', () => {
    const daily = '0 30 2 * * *'
    const spring = '2026-03-08T00:00:00Z'
    assert.is(next(daily, spring, 'Europe/Berlin'), '2026-03-08T01:30:00Z')
    // In New York half past two does not exist on that day.
    assert.is(next(daily, '2026-03-08T06:00:00Z', 'America/New_York'), '2026-03-09T06:30:00Z')
    // Half past one exists twice in autumn.
    const twice = '0 30 1 * * *'
    assert.is(next(twice, '2026-11-01T04:00:00Z', 'America/New_York'), '2026-11-01T05:30:00Z')
    assert.is(next(twice, '2026-11-01T05:30:00Z', 'America/New_York'), '2026-11-01T06:30:00Z')
    // Midnight is left out where clocks go forward at midnight.
    const midnight = '0 0 0 * * *'
    assert.is(next(midnight, '2018-11-03T12:00:00Z', 'America/Sao_Paulo'), '2018-11-05T02:00:00Z')
    assert.is(
      next('0 0 1 * * *', '2018-11-03T12:00:00Z', 'America/Sao_Paulo'),
      '2018-11-04T03:00:00Z',
    )
    // A zone a quarter of an hour off.
    assert.is(next('0 0 * * * *', '2026-03-08T00:00:00Z', 'Asia/Kathmandu'), '2026-03-08T00:15:00Z')
    assert.is(next('0 0 0 1 * *', '2026-03-08T00:00:00Z', 'Asia/Kathmandu'), '2026-03-31T18:15:00Z')
  })

  it('know the zones that Go knows', () => {
    for (const name of ['UTC', 'Local', 'Europe/Amsterdam', 'America/Port-au-Prince', 'EST', 'CET'])
      assert.ok(zoneOf(name), name)
    for (const name of ['', 'utc', 'europe/berlin', '+02:00', 'Not/A/Zone', '../UTC', '/UTC', 'X'])
      assert.is(zoneOf(name), null, name)
    for (let i = 0; i < 100; i++) assert.is(zoneOf(`Nowhere/N${i}`), null)
    assert.ok(zoneOf('Asia/Tokyo'))
  })
})
