// Atomic batches (ADR-50), held with nats-server and with us: one expectation, the server's.

import * as assert from 'uvu/assert'
import { spec } from '../support/spec.ts'
import { batchPairFor } from './batch-pair.ts'
import type { Post } from './batch-talk.ts'

type Fields = Readonly<Record<string, string>>

const commit = { 'Nats-Batch-Commit': '1' }
const end = { 'Nats-Batch-Commit': 'eob' }

const part = (id: string, seq: number | string, more: Fields = {}): Fields => ({
  'Nats-Batch-Id': id,
  'Nats-Batch-Sequence': String(seq),
  ...more,
})
const get = (stream: string, seq: number): Post => [
  `$JS.API.STREAM.MSG.GET.${stream}`,
  JSON.stringify({ seq }),
]
const info = (stream: string): Post => [`$JS.API.STREAM.INFO.${stream}`]

/** A batch of messages on the subjects, committed with the last one. */
function batch(id: string, subjects: readonly string[], each: readonly Fields[] = []): Post[] {
  return subjects.map((subject, i) => {
    const last = i === subjects.length - 1 ? commit : {}
    return [subject, String(i), part(id, i + 1, { ...each[i], ...last })]
  })
}

spec('atomic batches beside nats-server', (it, hooks) => {
  const pair = batchPairFor(hooks)

  it('stores all messages with the commit, with or without one of its own', async () => {
    await pair.create('A', { allow_atomic: true })
    const said = await pair.converse('A', [
      ...batch('b1', ['a.1', 'a.2', 'a.3']),
      get('A', 1),
      get('A', 3),
      ['a.1', 'x', part('b2', 1)],
      ['a.2', 'y', part('b2', 2), ''],
      ['a.2', 'not stored', part('b2', 3, end)],
      get('A', 5),
      ['a.1', 'one', part('b3', 1, commit)],
      ['a.1', '', { 'Nats-Batch-Sequence': '1' }],
      ['a.1', '', part('', 1)],
      info('A'),
    ])
    assert.is(said[2], '3: |{"stream":"A","seq":3,"batch":"b1","count":3}')
  })

  it('refuses what is no batch, and says which are abandoned', async () => {
    await pair.create('R', { allow_atomic: true })
    const said = await pair.converse('R', [
      ['r.1', '', part('c1', 1, end)],
      ['r.1', '', part('c1', 2, commit)],
      ['r.1', '', { 'Nats-Batch-Id': 'c2' }],
      ['r.1', '', part('c2', 'x')],
      ['r.1', '', part('c2', 0)],
      ['r.1', '', part('c2', 2)],
      ['r.1', '', part('i'.repeat(64), 1, commit)],
      ['r.1', '', part('i'.repeat(65), 1, commit)],
      ['r.1', '', part('c3', 1)],
      ['r.1', '', part('c3', 3)],
      ['r.1', '', part('c3', 3)],
      ['r.1', '', part('c4', 1)],
      ['r.1', '', part('c4', 2, { 'Nats-Batch-Commit': 'no' })],
      ['r.1', '', part('c4', 2, commit)],
      ['r.1', '', part('c5', 1)],
      ['r.1', '', part('c5', 1)],
      ['r.1', '', part('c6', 1, { 'Nats-Required-Api-Level': '2', Other: 'x' })],
      ['r.1', '', part('c6', 2, { 'Nats-Required-Api-Level': '99' })],
      ['r.1', '', part('c6', 3, commit)],
      ['r.1', '', part('c7', 1, { 'Nats-Required-Api-Level': '2', Other: 'x' })],
      ['r.1', '', part('c7', 2, { ...commit, 'Nats-Required-Api-Level': '+1' })],
      get('R', 2),
      get('R', 3),
      info('R'),
    ])
    assert.is(said.filter(line => line.startsWith('$JS.EVENT')).length, 4)
  })

  it('is for streams that allow it, and ends when one does no more', async () => {
    await pair.create('OFF')
    await pair.converse('OFF', [
      ['off.1', '', part('d1', 1)],
      ['off.1', '', part('i'.repeat(65), 1)],
      ['off.1', '', part('d1', 'x')],
    ])
    const config = { name: 'ON', subjects: ['on.>'], allow_atomic: true }
    const update = '$JS.API.STREAM.UPDATE.ON'
    await pair.create('ON', config)
    await pair.converse('ON', [
      ['on.1', '', part('d1', 1)],
      [update, JSON.stringify({ ...config, allow_atomic: false })],
      ['on.1', '', part('d1', 2, commit)],
      [update, JSON.stringify(config)],
      ['on.1', '', part('d1', 2, commit)],
      ['on.1', '', part('d1', 1, commit)],
      [update, JSON.stringify({ ...config, sealed: true })],
      ['on.1', '', part('d1', 1)],
    ])
  })

  it('takes so many messages and no more', async () => {
    await pair.create('L', { allow_atomic: true })
    const parts = (id: string, from: number, to: number): Post[] =>
      Array.from({ length: to + 1 - from }, (_, i) => ['l.1', '', part(id, from + i)])
    await pair.converse('L', [
      ...parts('e1', 1, 7),
      ['l.1', '', part('e2', 6)],
      ['l.1', '', part('e2', 6, end)],
      ['l.1', '', part('e2', 7, end)],
      ...parts('e3', 1, 5),
      ['l.1', '', part('e3', 6, end)],
      ...batch('e4', ['l.1', 'l.1', 'l.1', 'l.1', 'l.1']),
      info('L'),
    ])
  })

  it('has so many of them open and no more, in a stream and over all', async () => {
    await pair.create('O1', { allow_atomic: true })
    await pair.create('O2', { allow_atomic: true })
    const first = (stream: string, id: string): Post => [`${stream}.1`, '', part(id, 1)]
    await pair.converse('O1', [
      first('o1', 'f1'),
      first('o1', 'f2'),
      first('o1', 'f3'),
      first('o1', 'f4'),
      ['o1.1', '', part('f1', 2, commit)],
      first('o1', 'f4'),
      first('o1', 'f5'),
    ])
    await pair.converse('O2', [first('o2', 'f1'), first('o2', 'f2')])
    await pair.converse('O1', [['o1.1', '', part('f2', 2, commit)]])
    await pair.converse('O2', [
      first('o2', 'f2'),
      ['o2.1', '', part('f2', 2, commit)],
      ['o2.1', '', part('f1', 2, commit)],
    ])
    await pair.converse('O1', [
      ['o1.1', '', part('f3', 2, commit)],
      ['o1.1', '', part('f4', 2, commit)],
    ])
  })

  it('checks expectations against what was there before', async () => {
    await pair.create('E', { allow_atomic: true })
    const last = (seq: number): Fields => ({ 'Nats-Expected-Last-Sequence': String(seq) })
    const onSubject = (seq: number | string, subject?: string): Fields => ({
      'Nats-Expected-Last-Subject-Sequence': String(seq),
      ...(subject && { 'Nats-Expected-Last-Subject-Sequence-Subject': subject }),
    })
    await pair.converse('E', [
      ...batch('g1', ['e.1', 'e.1'], [last(0)]),
      ...batch('g2', ['e.1', 'e.1'], [last(0)]),
      ...batch('g3', ['e.1', 'e.1'], [{}, last(3)]),
      ...batch('g4', ['e.1', 'e.2'], [{}, last(2)]),
      ...batch('g5', ['e.1', 'e.2'], [last(2)]),
      ...batch('g6', ['e.1', 'e.1'], [{}, onSubject(3)]),
      ...batch('g7', ['e.1', 'e.2', 'e.3'], [onSubject(3), onSubject(4), onSubject(5)]),
      ...batch('g8', ['e.1', 'e.2', 'e.3'], [onSubject(3), onSubject(4), onSubject(0)]),
      ...batch('g9', ['e.1', 'e.2'], [onSubject(0, 'e.9'), onSubject(0, 'e.9')]),
      ...batch('g10', ['e.1', 'e.2'], [onSubject(0, 'e.9'), onSubject(1, 'e.9')]),
      ...batch('g11', ['e.1', 'e.2'], [{ 'Nats-Expected-Last-Subject-Sequence-Subject': 'e.9' }]),
      ...batch('g12', ['e.1', 'e.3'], [onSubject(9, 'e.*'), onSubject(9, 'e.*')]),
      ...batch('g13', ['e.1', 'e.3'], [onSubject(8, 'e.*')]),
      ...batch('g14', ['e.1', 'e.2'], [onSubject('x')]),
      ...batch('g15', ['e.1', 'e.9', 'e.2'], [{}, {}, onSubject(0, 'e.9')]),
      ...batch('g16', ['e.1', 'e.2'], [{ 'Nats-Expected-Last-Msg-Id': 'x' }]),
      ...batch('g17', ['e.1', 'e.2'], [{}, { 'Nats-Expected-Stream': 'x' }]),
      ...batch('g18', ['e.1', 'e.2'], [{}, { 'Nats-Expected-Stream': 'E' }]),
      info('E'),
    ])
  })

  it('takes no message id twice', async () => {
    await pair.create('I', { allow_atomic: true })
    const id = (text: string): Fields => ({ 'Nats-Msg-Id': text })
    await pair.converse('I', [
      ...batch('h1', ['i.1', 'i.2'], [id('x'), id('x')]),
      ...batch('h2', ['i.1', 'i.2'], [id('x'), id('y')]),
      ...batch('h3', ['i.1', 'i.2'], [id('z'), id('y')]),
      ['i.1', '', id('y')],
      ['i.1', '', id('z')],
      info('I'),
    ])
  })

  it('rolls up what was there before, and nothing of its own', async () => {
    await pair.create('U', { allow_atomic: true, allow_rollup_hdrs: true })
    const rollup = (kind: string): Fields => ({ 'Nats-Rollup': kind })
    await pair.converse('U', [
      ...batch('k1', ['u.1', 'u.2', 'u.3']),
      ...batch('k2', ['u.1', 'u.2'], [rollup('sub'), rollup('sub')]),
      info('U'),
      ...batch('k3', ['u.1', 'u.1'], [{}, rollup('sub')]),
      ...batch('k4', ['u.1', 'u.2'], [{}, rollup('all')]),
      ...batch('k5', ['u.1', 'u.2'], [rollup('bogus')]),
      info('U'),
      ...batch('k6', ['u.1', 'u.2'], [rollup('all')]),
      info('U'),
    ])
    await pair.create('NU', { allow_atomic: true })
    await pair.converse('NU', batch('k7', ['nu.1', 'nu.2'], [rollup('all')]))
  })

  it('holds messages with a time of their own', async () => {
    await pair.create('T', {
      allow_atomic: true,
      allow_msg_ttl: true,
      allow_msg_schedules: true,
      allow_rollup_hdrs: true,
    })
    const ttl = (text: string): Fields => ({ 'Nats-TTL': text })
    const at = '@at 2099-01-01T00:00:00Z'
    const schedule = (target: string, pattern = at): Fields => ({
      'Nats-Schedule': pattern,
      'Nats-Schedule-Target': target,
    })
    const ends = (subject: string): Fields => ({
      'Nats-Scheduler': subject,
      'Nats-Schedule-Next': 'purge',
    })
    await pair.converse('T', [
      ...batch('t1', ['t.1', 't.2'], [ttl('3600'), ttl('never')]),
      ...batch('t2', ['t.1', 't.2'], [{}, ttl('soon')]),
      ...batch('t3', ['t.1', 't.2'], [{}, ttl('0')]),
      get('T', 1),
      ...batch('t4', ['t.s', 't.2'], [schedule('t.to')]),
      get('T', 3),
      ...batch('t5', ['t.s', 't.2'], [schedule('other')]),
      ...batch('t6', ['t.s', 't.2'], [schedule('t.to', 'soon')]),
      ...batch('t7', ['t.s', 't.s'], [{}, schedule('t.to')]),
      ...batch('t8', ['t.to', 't.2'], [ends('t.s'), ttl('60')]),
      info('T'),
      ...batch('t9', ['t.s', 't.to'], [schedule('t.to'), ends('t.s')]),
      ...batch('t10', ['t.s', 't.to'], [{}, ends('t.s')]),
      ...batch('t11', ['t.to'], [ends('t.2')]),
      ...batch('t12', ['t.to'], [{ 'Nats-Scheduler': 't.s' }]),
      info('T'),
    ])
    await pair.create('NT', { allow_atomic: true })
    await pair.converse('NT', [
      ...batch('t1', ['nt.1'], [ttl('60')]),
      ...batch('t2', ['nt.1'], [ttl('soon')]),
      ...batch('t3', ['nt.1'], [schedule('nt.2')]),
      ...batch('t4', ['nt.1'], [{ 'Nats-Stream-Source': 'X 1 > >' }]),
      ['nt.1', '', { 'Nats-Stream-Source': 'X 1 > >' }],
      ['nt.1', '', { 'Nats-Expected-Last-Subject-Sequence-Subject': 'nt.2' }],
    ])
  })

  it('fits into the limits of the stream as a whole', async () => {
    const limits: Readonly<Record<string, Record<string, unknown>>> = {
      DN: { discard: 'new', max_msgs: 3 },
      DP: {
        discard: 'new',
        max_msgs_per_subject: 1,
        discard_new_per_subject: true,
        allow_rollup_hdrs: true,
      },
      DO: { max_msgs: 2, max_msg_size: 100 },
    }
    for (const [name, config] of Object.entries(limits)) {
      await pair.create(name, { allow_atomic: true, ...config })
    }
    await pair.converse('DN', [
      ...batch('m1', ['dn.1', 'dn.2', 'dn.3', 'dn.4']),
      ...batch('m2', ['dn.1', 'dn.2', 'dn.3']),
      ...batch('m3', ['dn.1']),
      info('DN'),
    ])
    await pair.converse('DP', [
      ...batch('m1', ['dp.1', 'dp.1']),
      ...batch('m2', ['dp.1', 'dp.2']),
      ...batch('m3', ['dp.1']),
      ...batch('m4', ['dp.1'], [{ 'Nats-Rollup': 'sub' }]),
      info('DP'),
    ])
    await pair.converse('DO', [
      ['do.1', '', part('m1', 1)],
      ['do.1', 'x'.repeat(100), part('m1', 2)],
      ['do.1', '', part('m1', 2)],
      ['do.1', '', part('m1', 3, commit)],
      info('DO'),
    ])
  })

  it('knows streams without acks, without interest, with a transform, in memory', async () => {
    const kinds: Readonly<Record<string, Record<string, unknown>>> = {
      NA: { no_ack: true },
      IN: { retention: 'interest' },
      TR: { subject_transform: { src: 'tr.*', dest: 'tr.x.{{wildcard(1)}}' } },
      ME: { storage: 'memory' },
    }
    for (const [name, config] of Object.entries(kinds)) {
      await pair.create(name, { allow_atomic: true, ...config })
    }
    for (const name of ['IN', 'TR', 'ME']) {
      const subject = `${name.toLowerCase()}.1`
      await pair.converse(name, [...batch('n1', [subject, subject]), info(name), get(name, 2)])
    }
  })

  it('is abandoned after a silence', async () => {
    await pair.create('S', { allow_atomic: true })
    await pair.converse('S', [['s.1', '', part('q1', 1)]])
    const reasons = await Promise.all(
      [pair.theirs, pair.ours].map(async nc => {
        const subject = '$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.S'
        for await (const message of nc.subscribe(subject, { max: 1, timeout: 5000 })) {
          const { batch: id, reason } = message.json<{ batch: string; reason: string }>()
          return `${id} ${reason}`
        }
        return ''
      }),
    )
    assert.equal(reasons, ['q1 timeout', 'q1 timeout'])
    await pair.converse('S', [['s.1', '', part('q1', 2, commit)]])
  })
})
