// Counters (ADR-49), held with nats-server and with us: one expectation, the server's.

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
})
