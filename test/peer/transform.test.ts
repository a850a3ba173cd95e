// Subject transforms and republishing, word for word beside nats-server 2.15.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { startBroker } from '../store/broker.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'
import { ask, blot, type Say } from './jetstream-talk.ts'

const api = '$JS.API.'

const create = (name: string, config: Record<string, unknown>): Say => [
  `${api}STREAM.CREATE.${name}`,
  { name, ...config },
]
const transforming = (name: string, src: string, dest: string): Say =>
  create(name, { subjects: [`${name}.>`], subject_transform: { src, dest } })
const last = (name: string): Say => [`${api}STREAM.MSG.GET.${name}`, { last_by_subj: '>' }]

/** Source, destination, subjects to publish. */
const transforms: readonly (readonly [string, string, readonly string[]])[] = [
  ['', '', ['a']],
  ['', 'all.>', ['a', 'a.b']],
  ['T.>', 'out.>', ['a', 'a.b']],
  ['T.*.x', 'out.$1', ['a.x', 'a.y']],
  ['T.*.*', '{{wildcard(2)}}.{{Wildcard(1)}}', ['a.x']],
  ['T.*.*', '{{partition(5,1,2)}}.$1', ['a.x', 'foo.bar', 'é.ü']],
  ['T.*', 'l.{{splitfromleft(1,2)}}', ['a', 'ab', 'abc', 'abcdef']],
  ['T.*', 'r.{{splitFromRight(1,2)}}', ['a', 'ab', 'abc', 'abcdef']],
  ['T.*', 'sl.{{SliceFromLeft(1,2)}}', ['a', 'ab', 'abc', 'abcd', 'abcdefg']],
  ['T.*', 'sr.{{slicefromright(1,2)}}', ['a', 'ab', 'abc', 'abcd', 'abcdefg']],
  ['T.*', 's.{{split(1,-)}}.z', ['a', 'a-b', '-a--b-', 'a-b-c']],
  ['T.*', '{{left(1,2)}}.{{right(1,2)}}', ['a', 'abcdef']],
  ['T.*', '$0', ['a']],
]

const wrong: readonly (readonly [string, string])[] = [
  ['a..b', 'x'],
  ['T.*', 'x.*'],
  ['T.>', 'x'],
  ['T.a', 'x.$1'],
  ['T.*', 'x.$2'],
  ['T.*', 'x.{{nothing(1)}}'],
  ['T.*', 'x.{{wildcard()}}'],
  ['T.*', 'x.{{wildcard(1,1)}}'],
  ['T.*', 'x.{{wildcard(a)}}'],
  ['T.*', 'x.{{split(1)}}'],
  ['T.*', 'x.{{split(1,a,b)}}'],
  ['T.*', 'x.{{splitfromleft(1,b)}}'],
]

const configs: readonly Say[] = [
  create('C1', { subjects: ['c1.>'], republish: { src: '', dest: 'x.>' } }),
  create('C2', { subjects: ['c2.>'], republish: { src: '>', dest: 'c2.x.>' } }),
  create('C3', { subjects: ['c3.>'], republish: { src: 'c3.*', dest: 'x.$2' } }),
  create('C4', {
    subjects: ['c4.>'],
    republish: { src: 'c4.*', dest: 'x.$1', headers_only: true },
  }),
  create('C5', { subjects: ['c5.>'], republish: {} }),
  create('C6', { subjects: ['c6.>'], republish: 'x' }),
  create('C7', { subjects: ['c7.>'], subject_transform: [] }),
  [`${api}STREAM.UPDATE.C1`, { name: 'C1', subjects: ['c1.>'] }],
  [
    `${api}STREAM.UPDATE.C1`,
    { name: 'C1', subjects: ['c1.>'], subject_transform: { src: 'c1.*', dest: 'y.$2' } },
  ],
  [
    `${api}STREAM.UPDATE.C1`,
    { name: 'C1', subjects: ['c1.>'], subject_transform: { src: 'c1.*', dest: 'y.$1' } },
  ],
  ['c1.k', 'payload'],
  last('C1'),
]

async function both(run: (nc: NatsConnection) => Promise<string[]>): Promise<void> {
  const hub = await startHub({ jetstream: true })
  const broker = await startBroker()
  try {
    const answers: string[][] = []
    for (const { url } of [hub, broker]) {
      const nc = await connect({ servers: url, reconnect: false })
      answers.push(await run(nc))
      await nc.close()
    }
    const [theirs = [], ours = []] = answers
    for (const [i, text] of theirs.entries()) assert.is(ours[i], text)
    assert.is(ours.length, theirs.length)
  } finally {
    await broker.close()
    await hub.stop('SIGKILL')
  }
}

spec('transform beside nats-server', it => {
  it('stores under the same subjects', () =>
    both(async nc => {
      const answers: string[] = []
      for (const [i, [src, dest, subjects]] of transforms.entries()) {
        // Files of a stream that was just deleted are in nats-server's way now and then.
        const name = `T${i}`
        const config = { subjects: ['T.>'], subject_transform: { src, dest }, storage: 'memory' }
        answers.push(await ask(nc, create(name, config)))
        for (const subject of subjects) {
          answers.push(await ask(nc, [`T.${subject}`, subject]), await ask(nc, last(name)))
        }
        answers.push(await ask(nc, [`${api}STREAM.DELETE.${name}`]))
      }
      return answers
    }))

  it('refuses the same transforms with the same words', () =>
    both(async nc => {
      const answers: string[] = []
      for (const [src, dest] of wrong) answers.push(await ask(nc, transforming('T', src, dest)))
      for (const say of configs) answers.push(await ask(nc, say))
      return answers
    }))

  it('republishes with the same headers', () =>
    both(async nc => {
      const seen: string[] = []
      const subscription = nc.subscribe('out.>', {
        callback: (_, message) => {
          const { headers } = message
          const lines = headers?.keys().map(name => `${name}: ${headers.values(name)}`) ?? []
          seen.push(blot(`${message.subject} ${lines.join('; ')} ${message.string()}`))
        },
      })
      const whole = { subjects: ['w.>'], republish: { src: 'w.*', dest: 'out.w.$1' } }
      const head = {
        subjects: ['h.>'],
        storage: 'memory',
        subject_transform: { src: 'h.*', dest: 'hh.$1' },
        republish: { src: 'hh.>', dest: 'out.h.>', headers_only: true },
      }
      await ask(nc, create('W', whole))
      await ask(nc, create('H', head))
      for (const prefix of ['w', 'h']) {
        await ask(nc, [`${prefix}.a`, 'one'])
        await ask(nc, [`${prefix}.b`, 'two', { 'Nats-Msg-Id': 'id', X: 'y' }])
        await ask(nc, [`${prefix}.b`, 'twice', { 'Nats-Msg-Id': 'id' }])
        await ask(nc, [`${prefix}.a`, ''])
        await ask(nc, [`${prefix}.c.d`, 'not of the source'])
      }
      await nc.flush()
      subscription.unsubscribe()
      return seen
    }))
})
