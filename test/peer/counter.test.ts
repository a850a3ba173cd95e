// Counters (ADR-49), held with nats-server and with us: one expectation, the server's.

import type { NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { spec } from '../support/spec.ts'
import { batchPairFor } from './batch-pair.ts'
import type { Post } from './batch-talk.ts'

type Fields = Readonly<Record<string, string>>

const by = (increment: string, more: Fields = {}): Fields => ({ 'Nats-Incr': increment, ...more })
const get = (stream: string, seq: number): Post => [
  `$JS.API.STREAM.MSG.GET.${stream}`,
  JSON.stringify({ seq }),
]
const info = (stream: string): Post => [`$JS.API.STREAM.INFO.${stream}`]
const part = (id: string, seq: number, more: Fields = {}): Fields => ({
  'Nats-Batch-Id': id,
  'Nats-Batch-Sequence': String(seq),
  ...more,
})
const commit = { 'Nats-Batch-Commit': '1' }

interface Stored {
  readonly subject: string
  readonly incr: string
  readonly sources: string
  readonly body: string
}

/** What is stored of a counter last; undefined: nothing. */
async function lastOf(nc: NatsConnection, stream: string, subject: string) {
  const body = JSON.stringify({ last_by_subj: subject })
  const answer = await nc.request(`$JS.API.STREAM.MSG.GET.${stream}`, body, { timeout: 4000 })
  const { message } = answer.json<{ message?: { hdrs: string; data: string } }>()
  if (!message) return undefined
  const head = Buffer.from(message.hdrs, 'base64').toString()
  const fieldOf = (name: string): string => new RegExp(`${name}: (.*)\r\n`).exec(head)?.[1] ?? ''
  const stored: Stored = {
    subject,
    incr: fieldOf('Nats-Incr'),
    sources: fieldOf('Nats-Counter-Sources'),
    body: Buffer.from(message.data, 'base64').toString(),
  }
  return stored
}

/** Waits until a counter stands at a value. */
async function stands(
  nc: NatsConnection,
  stream: string,
  subject: string,
  value: string,
): Promise<Stored> {
  const untilMs = Date.now() + 8000
  for (;;) {
    const stored = await lastOf(nc, stream, subject)
    if (stored?.body === `{"val":"${value}"}`) return stored
    if (Date.now() > untilMs) throw new Error(`${stream} ${subject}: ${JSON.stringify(stored)}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

spec('counters beside nats-server', (it, hooks) => {
  const pair = batchPairFor(hooks)

  it('adds up increments of any size', async () => {
    await pair.create('C', { allow_msg_counter: true })
    const said = await pair.converse('C', [
      ['c.1', '', by('1')],
      ['c.1', '', by('+5')],
      ['c.1', '', by('-10')],
      ['c.1', '', by('0')],
      ['c.1', '', by('-0')],
      ['c.1', '', by('007')],
      ['c.2', '', by('9007199254740993')],
      ['c.2', '', by('123456789012345678901234567890')],
      ['c.2', '', by('-246913578024691357802469135780')],
      ['c.2', '', by('9'.repeat(1000))],
      ['c.2', '', by('1', { Other: 'x' })],
      ['c.1', '', by('1', { 'Nats-Msg-Id': 'a' })],
      ['c.1', '', by('1', { 'Nats-Msg-Id': 'a' })],
      ['c.1', '', by('1')],
      get('C', 1),
      get('C', 11),
      info('C'),
    ])
    assert.is(said[1], '2: |{"stream":"C","seq":2,"val":"6"}')
  })

  it('refuses what is no increment, or keeps other company', async () => {
    await pair.create('R', { allow_msg_counter: true })
    const wrong = ['x', '1.5', '++1', '0x10', '1_000', '1e3', '-', '+', '--1', '1,0', '']
    await pair.converse('R', [
      ...wrong.map((text): Post => ['r.1', '', by(text)]),
      ['r.1', 'pay', by('1')],
      ['r.1', 'pay', by('x')],
      ['r.1', 'pay'],
      ['r.1'],
      ['r.1', '', { 'nats-incr': '1' }],
      ['r.1', '', by('1', { 'Nats-Rollup': 'sub' })],
      ['r.1', '', by('1', { 'Nats-Expected-Stream': 'R' })],
      ['r.1', '', by('1', { 'Nats-Expected-Last-Sequence': '0' })],
      ['r.1', '', by('1', { 'Nats-Expected-Last-Subject-Sequence': '0' })],
      ['r.1', '', by('1', { 'Nats-Expected-Last-Subject-Sequence-Subject': 'r.2' })],
      ['r.1', '', by('1', { 'Nats-Expected-Last-Msg-Id': 'a' })],
      ['r.1', '', by('1', { 'Nats-TTL': '5' })],
      ['r.1', '', by('1', { 'Nats-TTL': 'x' })],
      ['r.1', '', by('1', { 'Nats-Stream-Source': 'x 1 > >' })],
      info('R'),
    ])
    await pair.create('OFF')
    await pair.converse('OFF', [
      ['off.1', '', by('1')],
      ['off.1', '', by('x')],
      ['off.1', 'pay', by('1')],
      ['off.1', '', by('')],
    ])
  })

  it('says that a counter is broken, until it is purged', async () => {
    await pair.create('K', { allow_msg_counter: true })
    const sources = (text: string): Fields => by('1', { 'Nats-Counter-Sources': text })
    await pair.converse('K', [
      ['k.1', '', sources('garbage')],
      ['k.1', '', by('1')],
      ['k.2', '', sources('{"a":{"b":"5"}}')],
      ['k.2', '', by('1')],
      ['k.2', '', sources('{"c":{"d":"5"}}')],
      ['k.3', '', sources('{"a":{"b":5}}')],
      ['k.3', '', by('1')],
      ['k.4', '', sources('[]')],
      ['k.4', '', by('1')],
      ['k.5', '', sources('{"9":{"2":"1","10":"2"},"10":{"x":"1"},"b":{"&":"1"}}')],
      ['k.5', '', by('1')],
      get('K', 3),
      get('K', 8),
      ['$JS.API.STREAM.PURGE.K', JSON.stringify({ filter: 'k.1' })],
      ['k.1', '', by('7')],
      info('K'),
    ])
  })

  it('counts within batches, atomic and fast', async () => {
    await pair.create('B', { allow_msg_counter: true, allow_atomic: true, allow_batched: true })
    const fast = (id: string, seq: number, operation: number): string =>
      `${id}.2.fail.${seq}.${operation}.$FI`
    await pair.converse('B', [
      ['b.1', '', by('1')],
      ['b.1', '', part('x', 1, by('1'))],
      ['b.1', '', part('x', 2, by('2'))],
      ['b.2', '', part('x', 3, by('7', commit))],
      ['b.1', '', by('0')],
      ['b.1', '', part('y', 1, by('1'))],
      ['b.1', '', part('y', 2, commit)],
      ['b.1', '', part('z', 1, by('1'))],
      ['b.1', '', part('z', 2, by('one', commit))],
      ['b.1', '', part('w', 1, by('1'))],
      ['b.1', 'pay', part('w', 2, by('1', commit))],
      ['b.1', '', by('1'), fast('f', 1, 0)],
      ['b.1', '', by('1'), fast('f', 2, 1)],
      ['b.1', '', by('1'), fast('f', 3, 2)],
      ['b.1', '', {}, fast('g', 1, 2)],
      ['b.1', '', by('0')],
      get('B', 4),
      get('B', 8),
      info('B'),
    ])
  })

  it('counts under the subject that a transform makes', async () => {
    const subject_transform = { src: 't.*', dest: 't.sum' }
    await pair.create('T', { allow_msg_counter: true, allow_atomic: true, subject_transform })
    await pair.converse('T', [
      ['t.1', '', by('1')],
      ['t.2', '', by('2')],
      ['t.3', '', part('x', 1, by('3'))],
      ['t.4', '', part('x', 2, by('4', commit))],
      ['t.5', '', by('5')],
    ])
  })

  it('adds up sources, whatever of them is lost, and keeps them as they are elsewhere', async () => {
    await pair.create('EAST', { allow_msg_counter: true, max_msgs_per_subject: 1 })
    await pair.create('WEST', { allow_msg_counter: true })
    await pair.converse('EAST', [
      ['east.a', '', by('1')],
      ['east.a', '', by('2')],
      ['east.b', '', by('10')],
    ])
    await pair.converse('WEST', [
      ['west.a', '', by('100')],
      ['west.a', '', by('-50')],
    ])
    const to = (name: string, dest: string) => ({
      name,
      subject_transforms: [{ src: `${name.toLowerCase()}.*`, dest }],
    })
    await pair.create('ALL', {
      subjects: ['all.own', 'all.z'],
      sources: [to('EAST', 'all.sum'), to('WEST', 'all.sum')],
      allow_msg_counter: true,
    })
    await pair.create('TOP', {
      subjects: [],
      sources: [{ name: 'ALL' }, to('WEST', 'all.sum')],
      allow_msg_counter: true,
    })
    await pair.create('PLAIN', { subjects: [], sources: [{ name: 'EAST' }] })
    await pair.create('MIRROR', { subjects: undefined, mirror: { name: 'WEST' } })
    for (const nc of [pair.theirs, pair.ours]) {
      const all = await stands(nc, 'ALL', 'all.sum', '63')
      assert.is(all.sources, '{"EAST":{"east.a":"3","east.b":"10"},"WEST":{"west.a":"50"}}')
      const top = await stands(nc, 'TOP', 'all.sum', '113')
      assert.is(top.sources, '{"ALL":{"all.sum":"63"},"WEST":{"west.a":"50"}}')
      const plain = await stands(nc, 'PLAIN', 'east.a', '3')
      assert.equal([plain.incr, plain.sources], ['2', ''])
      const mirror = await stands(nc, 'MIRROR', 'west.a', '50')
      assert.equal([mirror.incr, mirror.sources], ['-50', ''])
    }
    await pair.converse('EAST', [['east.a', '', by('-3')]])
    await pair.converse('ALL', [['all.own', '', by('5')]])
    for (const nc of [pair.theirs, pair.ours]) {
      assert.is((await stands(nc, 'ALL', 'all.sum', '60')).incr, '-3')
      assert.is((await stands(nc, 'TOP', 'all.sum', '110')).incr, '-3')
      await stands(nc, 'TOP', 'all.own', '5')
    }
  })
})
