// Direct get in all its forms, word for word beside nats-server 2.15: one message, many from a
// place on, the last of each of many subjects, and what is refused (ADR-31).

import { headers, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { pairFor } from '../support/pair.ts'
import { spec } from '../support/spec.ts'
import { ask, blot, type Say } from './jetstream-talk.ts'

const api = '$JS.API.'
const direct = `${api}DIRECT.GET.D`

/** All answers to one request, up to the one that ends them. */
async function all(nc: NatsConnection, [subject, body = '', fields = {}]: Say): Promise<string> {
  const reply = `_INBOX.${Math.random().toString(36).slice(2)}`
  const subscription = nc.subscribe(reply)
  const sent = headers()
  for (const [name, value] of Object.entries(fields)) sent.append(name, value)
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  nc.publish(subject, payload, { reply, headers: sent })
  const answers: string[] = []
  for await (const message of subscription) {
    const head = message.headers
    const lines = head ? [`${head.code || ''} ${head.description}`.trim()] : []
    for (const name of head?.keys() ?? []) lines.push(`${name}: ${head?.get(name)}`)
    answers.push(blot(`${lines.join('; ')}|${message.string()}`))
    if ((head?.code ?? 0) >= 200) break
  }
  subscription.unsubscribe()
  return answers.join('\n')
}

const preparing: readonly Say[] = [
  [`${api}STREAM.CREATE.D`, { name: 'D', subjects: ['d.>'], allow_direct: true }],
  ['d.a', '1'],
  ['d.b', '2', { X: 'y' }],
  ['d.a', '3'],
  ['d.c', '4'],
  ['d.b', '5'],
  ['d.a', '6'],
  [`${api}STREAM.MSG.DELETE.D`, { seq: 4 }],
]

const long = '2024-01-01T00:00:00Z'
const soon = '2124-01-01T00:00:00Z'
const tooHigh = { 'Nats-Required-Api-Level': '9' }

const single: readonly Say[] = [
  [direct, { seq: 2, no_hdr: true }],
  [direct, { seq: 1, unknown: 1 }],
  [direct, { seq: 'x' }],
  [direct, { seq: 4 }],
  [direct, { seq: 1 }, tooHigh],
  [direct, { seq: 1 }, { 'Nats-Required-Api-Level': 'x' }],
  [direct, { seq: 1 }, { 'Nats-Required-Api-Level': '4' }],
  [`${direct}.d.a`, '', tooHigh],
  [`${direct}.d.a`, { no_hdr: true }],
  [`${direct}.d.a`, { seq: 1 }],
  [`${direct}.d.a`, { batch: 1 }],
  [`${direct}.d.a`, { up_to_seq: 1 }],
  [`${direct}.d.a`, '{bad'],
  [`${direct}.d.>`],
  [direct, { batch: 10 }],
  [direct, { up_to_seq: 5 }],
  [direct, { multi_last: [] }],
  [direct, { multi_last: 'd.a' }],
  [direct, { batch: 10, last_by_subj: 'd.a' }],
  [direct, { multi_last: ['d.>'], up_to_seq: 1, up_to_time: long }],
  [direct, { multi_last: ['d.>'], last_by_subj: 'd.a' }],
  [direct, { multi_last: ['d.>'], next_by_subj: 'd.a' }],
  [direct, { start_time: long, seq: 1 }],
  [direct, { start_time: long, last_by_subj: 'd.a' }],
  [direct, { start_time: 'yesterday' }],
  [direct, { start_time: long }],
  [direct, { start_time: long, next_by_subj: 'd.b' }],
  [direct, { start_time: soon }],
  [direct, { max_bytes: 5, seq: 1 }],
  [`${api}STREAM.MSG.GET.D`, { seq: 2, no_hdr: true }],
  [`${api}STREAM.MSG.GET.D`, { seq: 2, batch: 3 }],
  [`${api}STREAM.MSG.GET.D`, { seq: 2, max_bytes: 3 }],
  [`${api}STREAM.MSG.GET.D`, { start_time: long }],
  [`${api}STREAM.MSG.GET.D`, { start_time: long, next_by_subj: 'd.b' }],
  [`${api}STREAM.MSG.GET.D`, { start_time: long, seq: 1 }],
  [`${api}STREAM.MSG.GET.D`, { multi_last: ['d.>'] }],
  [`${api}STREAM.MSG.GET.D`, { last_by_subj: 'd.a', next_by_subj: 'd.b' }],
  [`${api}INFO`, '', tooHigh],
  [`${api}STREAM.NAMES`, '', tooHigh],
  [`${api}STREAM.CREATE.X`, { name: 'X' }, tooHigh],
]

const many: readonly Say[] = [
  [direct, { seq: 1, batch: 10 }],
  [direct, { seq: 1, batch: 5 }],
  [direct, { seq: 1, batch: 1 }],
  [direct, { seq: 4, batch: 1 }],
  [direct, { seq: 1, batch: -1 }],
  [direct, { seq: 2, batch: 2, no_hdr: true }],
  [direct, { seq: 9, batch: 2 }],
  [direct, { next_by_subj: 'd.a', batch: 2 }],
  [direct, { next_by_subj: 'd.*', seq: 3, batch: 9 }],
  [direct, { next_by_subj: 'zz', batch: 2 }],
  [direct, { seq: 1, batch: 10, max_bytes: 9 }],
  [direct, { seq: 1, batch: 10, max_bytes: 1 }],
  [direct, { start_time: long, batch: 3 }],
  [direct, { start_time: soon, batch: 3 }],
  [direct, { multi_last: ['d.>'] }],
  [direct, { multi_last: ['d.a', 'd.b'] }],
  [direct, { multi_last: ['d.a'], seq: 6 }],
  [direct, { multi_last: ['d.>'], batch: 1 }],
  [direct, { multi_last: ['d.>'], up_to_seq: 3 }],
  [direct, { multi_last: ['d.>'], up_to_time: long }],
  [direct, { multi_last: ['d.>'], up_to_time: soon }],
  [direct, { multi_last: ['d.>'], max_bytes: 1 }],
  [direct, { multi_last: ['d.>'], no_hdr: true }],
  [direct, { multi_last: ['zz', 'zz.>'] }],
]

spec('direct get beside nats-server 2.15', (it, hooks) => {
  const pair = pairFor(hooks)
  const differences = async (
    says: readonly Say[],
    say: (nc: NatsConnection, what: Say) => Promise<string>,
  ): Promise<string> => {
    const found: string[] = []
    for (const what of says) {
      const [theirs, ours] = await Promise.all([say(pair.theirs, what), say(pair.ours, what)])
      if (theirs === ours) continue
      found.push(`${JSON.stringify(what)}\n  theirs ${theirs}\n  ours   ${ours}`)
    }
    return found.join('\n')
  }

  it('gets one, or says why not', async () => {
    assert.is(await differences(preparing, ask), '')
    assert.is(await differences(single, ask), '')
  })

  it('gets many, and says where it ended', async () => {
    assert.is(await differences(many, all), '')
  })

  it('gets the last of 1024 subjects, and not of one more', async () => {
    const filling: Say[] = [
      [`${api}STREAM.CREATE.M`, { name: 'M', subjects: ['m.>'], allow_direct: true }],
    ]
    assert.is(await differences(filling, ask), '')
    for (const nc of [pair.theirs, pair.ours]) {
      for (let i = 0; i < 1023; i++) nc.publish(`m.${i}`, `${i}`)
      await nc.request('m.1023', 'x')
    }
    const last: Say = [`${api}DIRECT.GET.M`, { multi_last: ['m.>'] }]
    assert.is(await differences([last], all), '')
    for (const nc of [pair.theirs, pair.ours]) await nc.request('m.1024', 'x')
    assert.is(await differences([last], all), '')
    assert.match(await all(pair.ours, last), '413 Too Many Results')
  })
})
