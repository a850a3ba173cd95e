// What pull requests and acknowledgements are told, beside nats-server: every status, every form
// of an ack, what comes again and in which order, and what is published about it.

import type { Msg } from '@nats-io/transport-node'
import { type Teller, blotIds, sleep, stories } from './consumer-story.ts'

const msNs = 1_000_000
const level = 'Nats-Required-Api-Level'

async function filled(teller: Teller, name: string, count: number): Promise<void> {
  await teller.stream(name, { subjects: [`${name}.>`] })
  for (let i = 1; i <= count; i++) await teller.store([`${name}.m`, `${i}`])
}

const reply = (messages: readonly Msg[], at = 0): string => messages[at]?.reply ?? ''

stories('statuses of pull requests', it => {
  it('refuse what is too much', async teller => {
    await filled(teller, 'A', 1)
    await teller.create('A', 'c', { max_batch: 5, max_expires: 1000 * msNs, max_bytes: 100 })
    const inbox = teller.listen('sa')
    for (const body of [
      { batch: 6, no_wait: true },
      { batch: 1, expires: 1001 * msNs },
      { batch: 1, max_bytes: 101, no_wait: true },
      { batch: 5, expires: 1000 * msNs, idle_heartbeat: 501 * msNs },
      '6',
      '{',
      '{bad',
      '{}}',
      { batch: 'x' },
      { batch: 1.5 },
      { batch: true },
      { batch: [1] },
      { no_wait: 1 },
      { expires: '1s' },
      { id: {} },
      { priority: 'x' },
      { expires: -5 },
      { batch: 4, expires: -1, max_bytes: -7 },
    ]) {
      teller.pull('A', 'c', inbox, body as Record<string, unknown>)
      await inbox.take(1)
    }
    inbox.close()
  })

  it('end what does not wait', async teller => {
    await filled(teller, 'B', 3)
    await teller.create('B', 'c')
    const inbox = teller.listen('sb')
    teller.pull('B', 'c', inbox, { batch: 2, no_wait: true })
    await inbox.take(2)
    teller.pull('B', 'c', inbox, { batch: 2, no_wait: true })
    await inbox.rest()
    teller.pull('B', 'c', inbox, { batch: 2, no_wait: true })
    await inbox.take(1)
    teller.pull('B', 'c', inbox, { batch: 2, no_wait: true, expires: 300 * msNs })
    await inbox.take(1)
    teller.pull('B', 'c', inbox, { batch: 2, no_wait: true, expires: 3000 * msNs })
    await teller.nc.flush()
    await teller.store(['B.m', '4'])
    await inbox.rest()
    await teller.store(['B.m', '5'])
    teller.pull('B', 'c', inbox, { batch: -3, no_wait: true })
    await inbox.rest()
    inbox.close()
  })

  it('count bytes', async teller => {
    await filled(teller, 'C', 9)
    await teller.create('C', 'c')
    const inbox = teller.listen('sc')
    const bytes = async (batch: number, max_bytes: number) => {
      teller.pull('C', 'c', inbox, { batch, max_bytes, expires: 200 * msNs })
      await inbox.rest()
    }
    await bytes(3, 1)
    await bytes(1, 4000)
    await bytes(0, 4000)
    await bytes(5, 120)
    inbox.close()
  })

  it('tell who asks too often, unless it hears heartbeats', async teller => {
    await filled(teller, 'D', 0)
    await teller.create('D', 'c', { max_waiting: 1 })
    const [first, second] = [teller.listen('sd'), teller.listen('sd2')]
    teller.pull('D', 'c', first, { batch: 1, expires: 2000 * msNs })
    teller.pull('D', 'c', second, { batch: 1, expires: 2000 * msNs })
    await second.take(1)
    const beats = { expires: 2000 * msNs, idle_heartbeat: 900 * msNs }
    teller.pull('D', 'c', second, { batch: 1, ...beats })
    await second.rest()
    first.close()
    second.close()
  })

  it('tell of the end, of push consumers and of levels', async teller => {
    await filled(teller, 'E', 0)
    await teller.create('E', 'c')
    await teller.create('E', 'p', { deliver_subject: 'somewhere' })
    const inbox = teller.listen('se')
    const next = (name: string) => `$JS.API.CONSUMER.MSG.NEXT.E.${name}`
    teller.pull('E', 'p', inbox)
    await inbox.take(1)
    for (const [name, value] of [
      ['c', '99'],
      ['c', 'x'],
      ['p', '99'],
    ] as const) {
      teller.say(next(name), '1', { [level]: value }, 'se')
      await inbox.take(1)
    }
    teller.say(next('c'), '{"no_wait":true}', { [level]: '4' }, 'se')
    await inbox.take(1)
    teller.note(await teller.ask('$JS.API.CONSUMER.RESET.E.c', '', { [level]: '99' }))
    teller.pull('E', 'c', inbox, { batch: 2, expires: 5000 * msNs })
    await teller.nc.flush()
    await teller.api('CONSUMER.DELETE.E.c')
    await inbox.take(1)
    teller.note(await teller.ask(next('c')))
    inbox.close()
  })

  it('beat', async teller => {
    await filled(teller, 'F', 1)
    await teller.create('F', 'c')
    const inbox = teller.listen('sf')
    teller.pull('F', 'c', inbox, { batch: 2, expires: 1000 * msNs, idle_heartbeat: 400 * msNs })
    await inbox.take(4)
    inbox.close()
  })
})

stories('forms of acknowledgements', it => {
  it('are answered when that is asked for', async teller => {
    await filled(teller, 'G', 9)
    await teller.create('G', 'c')
    const inbox = teller.listen('ag')
    teller.pull('G', 'c', inbox, '9')
    const got = await inbox.take(9)
    const bodies = ['', '+ACK', '+OK', '-NAK', '-NAK 10s', '+WPI', '+TERM', '+TERM why', 'what']
    for (const [i, body] of bodies.entries()) {
      teller.note(`${body}: ${await teller.ask(reply(got, i), body)}`)
    }
    await teller.figures('G', 'c')
    for (const subject of ['G.c.1.99.99.1.0', 'G.c.x.1.1.1.0', 'G.c.1.1']) {
      const answer = teller.nc.request(`$JS.ACK.${subject}`, '', { timeout: 300 })
      teller.note(`${subject}: ${await answer.then(() => 'answered').catch(() => 'silence')}`)
    }
    const again = await teller.ask(reply(got, 0))
    teller.note(`again: ${again}`)
    inbox.close()
  })

  it('ask for the next one', async teller => {
    await filled(teller, 'H', 5)
    await teller.create('H', 'c')
    const inbox = teller.listen('ah')
    teller.pull('H', 'c', inbox)
    const first = await inbox.take(1)
    teller.say(reply(first), '+NXT', {}, 'ah')
    const second = await inbox.take(1)
    teller.say(reply(second), '+NXT 2', {}, 'ah')
    const third = await inbox.take(2)
    teller.say(reply(third), '+NXT {"batch":2,"no_wait":true}', {}, 'ah')
    await inbox.rest()
    await teller.figures('H', 'c')
    inbox.close()
  })

  it('bring back what was refused, in order, and give up at last', async teller => {
    await filled(teller, 'I', 4)
    await teller.create('I', 'c', { max_deliver: 2, ack_wait: 30_000 * msNs })
    const told = teller.listen('$JS.EVENT.ADVISORY.CONSUMER.*.I.*')
    const inbox = teller.listen('ai')
    teller.pull('I', 'c', inbox, '3')
    const got = await inbox.take(3)
    for (const at of [2, 0, 1]) {
      teller.nc.publish(reply(got, at), '-NAK')
      await told.take(1)
    }
    teller.pull('I', 'c', inbox, '3')
    const again = await inbox.take(3)
    teller.nc.publish(reply(again), '-NAK {"delay": 20000000000}')
    await told.take(1)
    await teller.figures('I', 'c')
    teller.nc.publish(reply(again, 1), '+TERM  no use ')
    await told.take(1)
    teller.pull('I', 'c', inbox, { batch: 1, expires: 2000 * msNs })
    await inbox.take(1)
    await teller.figures('I', 'c')
    teller.nc.publish(reply(again, 2), '-NAK')
    await told.take(1)
    teller.pull('I', 'c', inbox, { batch: 1, no_wait: true })
    await inbox.take(1)
    await told.take(1)
    await teller.figures('I', 'c')
    await told.rest()
    inbox.close()
    told.close()
  })

  it('bring back what was not acknowledged, by its backoff', async teller => {
    await filled(teller, 'J', 1)
    const backoff = [200 * msNs, 400 * msNs]
    await teller.create('J', 'c', { max_deliver: 3, backoff })
    const inbox = teller.listen('aj')
    const startMs = Date.now()
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      teller.pull('J', 'c', inbox, { batch: 1, expires: 3000 * msNs })
      await inbox.take(1)
      times.push(Math.round((Date.now() - startMs) / 200))
    }
    teller.note(`${times.map(time => (time > 3 ? '3' : `${time}`)).join(' ')}`)
    inbox.close()
  })

  it('are sampled', async teller => {
    await filled(teller, 'K', 3)
    await teller.create('K', 'c', { sample_freq: '100%' })
    await teller.create('K', 'none')
    const metrics = teller.listen('$JS.EVENT.METRIC.CONSUMER.ACK.K.*')
    const inbox = teller.listen('ak')
    teller.pull('K', 'c', inbox, '3')
    const got = await inbox.take(3)
    await sleep(20)
    teller.nc.publish(reply(got))
    const [metric] = await metrics.take(1)
    teller.lines.pop()
    const fields = metric?.json<Record<string, unknown>>() ?? {}
    const isSane = Number(fields.ack_time) > 15 * msNs && Number(fields.ack_time) < 5e9
    teller.note(blotIds(JSON.stringify({ ...fields, timestamp: 0, ack_time: isSane })))
    teller.nc.publish(reply(got, 1), '+TERM')
    teller.nc.publish(reply(got), '')
    await metrics.rest()
    for (const sample_freq of ['0', '50', '200%', 'x', '-1', '1.5', '%', '99999999999999999999']) {
      await teller.create('K', `f${sample_freq.length}`, { sample_freq })
    }
    metrics.close()
    inbox.close()
  })
})
