// Mirrors and sources of local streams, word for word beside nats-server 2.15: what is refused, what
// is stored, what StreamInfo says.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { startBroker } from '../store/broker.ts'
import { startHub } from '../support/hub.ts'
import { settled } from '../support/journey.ts'
import { spec } from '../support/spec.ts'
import { configs } from './feed-configs.ts'
import { ask, type Say } from './jetstream-talk.ts'

const api = '$JS.API.'

const create = (name: string, config: Record<string, unknown>): Say => [
  `${api}STREAM.CREATE.${name}`,
  { name, ...config },
]
const get = (name: string, body: Record<string, unknown>): Say => [
  `${api}STREAM.MSG.GET.${name}`,
  body,
]

const transforms = (...pairs: readonly (readonly [string, string])[]) => ({
  subject_transforms: pairs.map(([src, dest]) => ({ src, dest })),
})

async function both(run: (nc: NatsConnection) => Promise<string[]>): Promise<void> {
  const hub = await startHub({ jetstream: true })
  const broker = await startBroker()
  try {
    const answers = await Promise.all(
      [hub, broker].map(async ({ url }) => {
        const nc = await connect({ servers: url, reconnect: false })
        try {
          return await run(nc)
        } finally {
          await nc.close()
        }
      }),
    )
    const [theirs = [], ours = []] = answers
    assert.equal(
      ours.filter((text, i) => text !== theirs[i]),
      theirs.filter((text, i) => text !== ours[i]),
    )
    assert.is(ours.length, theirs.length)
  } finally {
    await broker.close()
    await hub.stop('SIGKILL')
  }
}

/**
 * Time since the origin was heard, and what depends on when it is asked. The newest nats-server
 * names the origin's identity in the header and the position in the info.
 */
function calm(text: string): string {
  return text
    .replace(/"active":\d+/g, '"active":1')
    .replace(/"lag":\d+/g, '"lag":0')
    .replace(/"hdrs":"([^"]*)"/g, (_, coded: string) => {
      const lines = Buffer.from(coded, 'base64').toString()
      // The identity of the stream it comes from is another one every time.
      return lines.replace(/(Nats-Stream-Source: .* )\w{8}(?=\r\n)/g, '$1<identity>')
    })
}

/** A mirror just created tells its filters there only after a moment. */
function young(text: string): string {
  return calm(text).replace(
    /("active":-?1)(,"filter_subject":"[^"]*")?(,"subject_transforms":\[[^\]]*\])?/,
    '$1',
  )
}

async function lastSeq(nc: NatsConnection, stream: string): Promise<number> {
  const answer = await nc.request(`${api}STREAM.INFO.${stream}`)
  return answer.json<{ state: { last_seq: number } }>().state.last_seq
}

/** A message counts before it is on disk, and can be read after that. */
async function stored(nc: NatsConnection, name: string, seq: number): Promise<string> {
  let answer = ''
  for (let tries = 0; tries < 4; tries++) {
    if (tries > 0) await new Promise(resolve => setTimeout(resolve, 100 * tries))
    answer = await ask(nc, get(name, { seq }))
    if (!answer.includes('10037')) break
  }
  return calm(answer)
}

async function everything(nc: NatsConnection, streams: Record<string, number>): Promise<string[]> {
  const answers: string[] = []
  for (const [name, last] of Object.entries(streams)) {
    await settled(async () => (await lastSeq(nc, name)) >= last)
    answers.push(calm(await ask(nc, [`${api}STREAM.INFO.${name}`, { subjects_filter: '>' }])))
    for (let seq = 1; seq <= last; seq++) answers.push(await stored(nc, name, seq))
  }
  return answers
}

spec('feeds beside nats-server', it => {
  it(
    'refuses the same configs with the same words',
    () =>
      both(async nc => {
        const answers: string[] = []
        for (const say of configs) answers.push(young(await ask(nc, say)))
        return answers
      }),
    20_000,
  )

  it(
    'stores the same',
    () =>
      both(async nc => {
        await ask(nc, create('O', { subjects: ['o.>'], allow_direct: true }))
        await ask(nc, create('P', { subjects: ['p.>'] }))
        for (let i = 1; i <= 6; i++)
          await ask(nc, [`o.${i % 2}.x`, `o${i}`, { 'Nats-Msg-Id': `${i}` }])
        await ask(nc, ['p.a', 'p1', { 'Nats-Expected-Last-Sequence': '0', Mine: 'yes' }])
        await ask(nc, [`${api}STREAM.MSG.DELETE.O`, { seq: 1 }])
        await ask(nc, [`${api}STREAM.MSG.DELETE.O`, { seq: 4 }])
        const streams = [
          create('MIR', { mirror: { name: 'O' } }),
          create('MIRF', { mirror: { name: 'O', filter_subject: 'o.1.>' } }),
          create('MIRT', { mirror: { name: 'O', ...transforms(['o.*.x', 'y.$1']) } }),
          create('MIRS', { mirror: { name: 'O', opt_start_seq: 5 } }),
          create('SRC', { subjects: ['own'], sources: [{ name: 'P' }] }),
          create('SRCF', { sources: [{ name: 'O', filter_subject: 'o.1.>' }] }),
          create('SRCT', {
            sources: [
              {
                name: 'O',
                ...transforms(['o.0.x', 'z.n'], ['o.1.*', 'w.$1']),
              },
            ],
          }),
          create('SRCS', { sources: [{ name: 'O', opt_start_seq: 5 }] }),
          create('AGAIN', { sources: [{ name: 'SRC' }] }),
        ]
        const answers: string[] = []
        for (const say of streams) answers.push(young(await ask(nc, say)))
        const counts = {
          MIR: 6,
          MIRF: 5,
          MIRT: 6,
          MIRS: 6,
          SRC: 1,
          SRCF: 2,
          SRCT: 4,
          SRCS: 2,
          AGAIN: 1,
        }
        answers.push(...(await everything(nc, counts)))
        await ask(nc, ['own', 'published', { 'Nats-Msg-Id': 'own' }])
        await ask(nc, ['o.1.x', 'live'])
        // Only a source may say that something comes from one.
        answers.push(await ask(nc, ['own', 'mine', { 'Nats-Stream-Source': 'P 1 > > p.a' }]))
        answers.push(await ask(nc, [`${api}STREAM.MSG.DELETE.MIR`, { seq: 2 }]))
        answers.push(await ask(nc, [`${api}STREAM.PURGE.MIRF`]))
        const later = { MIR: 7, MIRF: 7, SRC: 2, SRCF: 3, SRCT: 5, AGAIN: 2 }
        answers.push(...(await everything(nc, later)))
        return answers
      }),
    60_000,
  )

  it(
    'does with headers what a source or mirror may',
    () =>
      both(async nc => {
        const timed = { allow_msg_ttl: true, allow_rollup_hdrs: true, allow_msg_schedules: true }
        await ask(nc, create('O', { subjects: ['o.>'], ...timed }))
        const sends: readonly (readonly [string, Record<string, string>])[] = [
          ['o.ttl', { 'Nats-TTL': '1s' }],
          ['o.never', { 'Nats-TTL': 'never' }],
          ['o.roll', {}],
          ['o.roll', { 'Nats-Rollup': 'sub' }],
          ['o.id', { 'Nats-Msg-Id': 'same' }],
          [
            'o.later',
            { 'Nats-Schedule': '@at 2099-01-01T00:00:00Z', 'Nats-Schedule-Target': 'o.then' },
          ],
        ]
        for (const [subject, fields] of sends) await ask(nc, [subject, subject, fields])
        const onlyO = { sources: [{ name: 'O' }] }
        const republish = { src: 'o.>', dest: 'again.>' }
        const again = nc.subscribe('again.>', { max: 5 })
        const streams = [
          create('PLAIN', onlyO),
          create('TIMED', { ...onlyO, allow_msg_ttl: true, allow_rollup_hdrs: true, republish }),
          create('ONCE', { sources: [{ name: 'O', filter_subject: 'o.id' }] }),
          create('MIRP', { mirror: { name: 'O' } }),
          create('MIRT', { mirror: { name: 'O' }, allow_msg_ttl: true, allow_rollup_hdrs: true }),
        ]
        const answers: string[] = []
        for (const say of streams) answers.push(young(await ask(nc, say)))
        const counts = { PLAIN: 5, TIMED: 5, ONCE: 1, MIRP: 6, MIRT: 6 }
        for (const [name, last] of Object.entries(counts)) {
          await settled(async () => (await lastSeq(nc, name)) >= last)
        }
        for await (const { subject } of again) answers.push(subject)
        // What may live for a second only is gone where that is allowed, and stays elsewhere.
        await settled(async () => (await ask(nc, get('TIMED', { seq: 1 }))).includes('10037'))
        await settled(async () => (await ask(nc, get('MIRT', { seq: 1 }))).includes('10037'))
        await new Promise(resolve => setTimeout(resolve, 500))
        answers.push(...(await everything(nc, counts)))
        return answers
      }),
    60_000,
  )

  it(
    'answers a direct get in the place of its origin',
    () =>
      both(async nc => {
        await ask(nc, create('O', { subjects: ['o.>'], allow_direct: true }))
        await ask(nc, ['o.a', '1'])
        await ask(nc, create('M', { mirror: { name: 'O' } }))
        const answers = await everything(nc, { M: 1 })
        const bySubject: Say = [`${api}DIRECT.GET.O.o.a`]
        const whoAnswers = async () => {
          return (await ask(nc, bySubject)).replace(/.*Nats-Stream: (\w+).*/s, '$1')
        }
        const seen = new Set<string>()
        await settled(async () => seen.add(await whoAnswers()).size === 2)
        answers.push([...seen].sort().join())
        await ask(nc, [`${api}STREAM.DELETE.M`])
        for (let i = 0; i < 9; i++) answers.push(await whoAnswers())
        return answers
      }),
    30_000,
  )

  it(
    'follows an update of the sources',
    () =>
      both(async nc => {
        const answers: string[] = []
        await ask(nc, create('A', { subjects: ['a'] }))
        await ask(nc, create('B', { subjects: ['b'] }))
        await ask(nc, ['a', '1'])
        await ask(nc, ['b', '1'])
        await ask(nc, create('S', { sources: [{ name: 'A' }] }))
        answers.push(...(await everything(nc, { S: 1 })))
        const update = [`${api}STREAM.UPDATE.S`, { name: 'S', sources: [{ name: 'B' }] }] as const
        answers.push(calm(await ask(nc, update)).replace(/"active":-?\d+/, ''))
        answers.push(...(await everything(nc, { S: 2 })))
        await ask(nc, ['a', '2'])
        await ask(nc, ['b', '2'])
        answers.push(...(await everything(nc, { S: 3 })))
        return answers
      }),
    60_000,
  )
})
