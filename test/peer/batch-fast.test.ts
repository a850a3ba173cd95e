// Fast batches (ADR-50), held with nats-server and with us: one expectation, the server's.

import * as assert from 'uvu/assert'
import { spec } from '../support/spec.ts'
import { batchPairFor } from './batch-pair.ts'
import type { Post } from './batch-talk.ts'

interface How {
  readonly flow?: string
  readonly gap?: string
  readonly head?: Readonly<Record<string, string>>
  readonly body?: string
}

type Part = (id: string, seq: number | string, operation: number | string, how?: How) => Post

/** Messages of fast batches on one subject. */
const partsOn =
  (subject: string): Part =>
  (id, seq, operation, { flow = '2', gap = 'fail', head = {}, body = 'x' } = {}) => [
    subject,
    body,
    head,
    `${id}.${flow}.${gap}.${seq}.${operation}.$FI`,
  ]

const info = (stream: string): Post => [`$JS.API.STREAM.INFO.${stream}`]
const [start, append, commit, end, ping] = [0, 1, 2, 3, 4]
const gapOk = { gap: 'ok' }

spec('fast batches beside nats-server', (it, hooks) => {
  const pair = batchPairFor(hooks)

  it('answers every so many messages and at the end', async () => {
    await pair.create('A', { allow_batched: true })
    const part = partsOn('a.1')
    const said = await pair.converse('A', [
      part('b1', 1, start),
      part('b1', 2, append),
      part('b1', 3, append),
      part('b1', 4, append),
      part('b1', 5, append),
      part('b1', 6, commit),
      part('b1', 7, append),
      part('b2', 1, start),
      part('b2', 2, append),
      part('b2', 3, end),
      part('b3', 1, commit),
      part('b4', 1, start),
      part('b4', 1, ping),
      part('b4', 2, append),
      part('b4', 2, ping),
      part('b4', 3, end),
      info('A'),
    ])
    assert.is(said[0], 'b1.2.fail.1.0.$FI: |{"type":"ack","seq":0,"msgs":2}')
    assert.is(said[3], 'b1.2.fail.6.2.$FI: |{"stream":"A","seq":6,"batch":"b1","count":6}')
  })

  it('refuses what is no fast batch', async () => {
    await pair.create('R', { allow_batched: true })
    const part = partsOn('r.1')
    await pair.converse('R', [
      part('c1', 1, end),
      part('c1', 1, append),
      part('c1', 2, start),
      part('c1', 0, start),
      part('c1', 1, 5),
      part('c1', 1, -1),
      part('c1', 1, '00'),
      part('c1', 'x', start),
      part('c1', 1, 'x'),
      part('c1', 1, start, { gap: 'no' }),
      part('c2', 2, append),
      part('c2', 2, commit),
      part('c2', 2, end),
      part('c2', 2, ping),
      part('c2', 1, ping),
      part('c2', '18446744073709551615', append),
      part('c2', '18446744073709551616', append),
      part('i'.repeat(64), 1, commit),
      part('i'.repeat(65), 1, commit),
      ['r.1', 'x', {}, '$FI'],
      ['r.1', 'x', {}, '1.$FI'],
      ['r.1', 'x', {}, '10.ok.1.0.$FI'],
      ['r.1', 'x', {}, '10.ok.2.3.$FI'],
      ['r.1', 'x', {}, '10.ok.2.3.$FIX'],
      part('c1', 1, end),
      info('R'),
    ])
  })

  it('is for streams that allow it, and ends when one does no more', async () => {
    await pair.create('OFF')
    const off = partsOn('off.1')
    await pair.converse('OFF', [off('d1', 1, start), off('d1', 'x', start)])
    const config = { name: 'ON', subjects: ['on.>'], allow_batched: true }
    const update = '$JS.API.STREAM.UPDATE.ON'
    await pair.create('ON', config)
    const on = partsOn('on.1')
    await pair.converse('ON', [
      on('d1', 1, start),
      [update, JSON.stringify({ ...config, allow_batched: false })],
      on('d1', 2, append),
      [update, JSON.stringify(config)],
      on('d1', 2, append),
      on('d1', 1, commit),
      [update, JSON.stringify({ ...config, sealed: true })],
      on('d1', 1, commit),
    ])
  })

  it('takes the pace a client asks for as the most it gets', async () => {
    await pair.create('P', { allow_batched: true })
    const part = partsOn('p.1')
    for (const flow of ['0', 'x', '-1', '1', '500', '501', '65536']) {
      await pair.converse('P', [part('e', 1, start, { flow }), part('e', 2, end, { flow })])
    }
  })

  it('gathers speed beside another batch', async () => {
    await pair.create('G', { allow_batched: true })
    const part = partsOn('g.1')
    const how = { flow: '6' }
    await pair.converse('G', [
      part('f1', 1, start, how),
      part('f2', 1, start, how),
      ...Array.from({ length: 19 }, (_, i) => part('f2', i + 2, append, how)),
      part('f2', 21, end),
      part('f1', 2, end),
    ])
  })

  it('stops at a gap, or goes on after it', async () => {
    await pair.create('H', { allow_batched: true })
    const part = partsOn('h.1')
    await pair.converse('H', [
      part('g1', 1, start),
      part('g1', 3, append),
      part('g1', 4, append),
      part('g2', 1, start, gapOk),
      part('g2', 3, append, gapOk),
      part('g2', 4, append, gapOk),
      part('g2', 4, append, { ...gapOk, flow: '3' }),
      part('g2', 5, append, gapOk),
      part('g3', 1, start, gapOk),
      part('g3', 3, ping, gapOk),
      part('g3', 4, append, gapOk),
      part('g3', 9, end, gapOk),
      part('g4', 1, start),
      part('g4', 3, ping),
      part('g4', 4, append),
      part('g5', 1, start),
      part('g5', 2, append),
      part('g5', 2, append, { flow: '3' }),
      part('g6', 1, start),
      part('g6', 2, append),
      part('g6', 9, commit),
      part('g7', 1, start, gapOk),
      part('g7', 2, append, gapOk),
      part('g7', 9, commit, gapOk),
      part('g8', 1, start),
      part('g8', 2, append),
      part('g8', 9, end),
      part('g9', 1, start),
      part('g9', 1, start, { flow: '3' }),
      part('g9', 2, append),
      info('H'),
    ])
  })

  it('stops at a message that is refused, or goes on after it', async () => {
    await pair.create('J', { allow_batched: true })
    const part = partsOn('j.1')
    const wrong = { head: { 'Nats-Expected-Last-Sequence': '99' } }
    await pair.converse('J', [
      ['j.1'],
      part('h1', 1, start, wrong),
      part('h1', 2, append),
      part('h2', 1, start, { ...gapOk, ...wrong }),
      part('h2', 2, append, gapOk),
      part('h2', 3, append, { ...gapOk, ...wrong }),
      part('h2', 4, append, gapOk),
      part('h2', 5, commit, { ...gapOk, ...wrong }),
      part('h3', 1, start),
      part('h3', 2, append, wrong),
      part('h3', 3, append),
      part('h4', 1, start),
      part('h4', 2, commit, wrong),
      part('h4', 3, append),
      part('h5', 1, commit, wrong),
      part('h6', 1, commit, { ...gapOk, ...wrong }),
      part('h7', 1, commit, { head: { 'Nats-Expected-Last-Sequence': '5' } }),
      part('h8', 1, commit, { head: { 'Nats-Rollup': 'all' } }),
      part('h9', 1, start, { head: { 'Nats-Required-Api-Level': '99' } }),
      part('h9', 2, append),
      part('h10', 1, start, { head: { 'Nats-Required-Api-Level': '4', Other: 'x' } }),
      part('h10', 2, end),
      ['$JS.API.STREAM.MSG.GET.J', JSON.stringify({ last_by_subj: 'j.1' })],
      info('J'),
    ])
  })

  it('counts a duplicate as stored', async () => {
    await pair.create('K', { allow_batched: true })
    const part = partsOn('k.1')
    const twice = { head: { 'Nats-Msg-Id': 'x' } }
    await pair.converse('K', [
      part('k1', 1, start, twice),
      part('k1', 2, append, twice),
      part('k1', 3, append, twice),
      part('k1', 4, append),
      part('k1', 5, commit, twice),
      part('k2', 1, start, twice),
      part('k2', 2, append),
      part('k2', 3, end),
      part('k3', 1, commit, twice),
      part('k4', 1, commit, { ...gapOk, ...twice }),
      part('k5', 1, start, { ...gapOk, ...twice }),
      part('k5', 2, end, gapOk),
      info('K'),
    ])
  })

  it('keeps within the limits of the stream', async () => {
    await pair.create('LM', {
      allow_batched: true,
      max_msg_size: 100,
      discard: 'new',
      max_msgs: 3,
    })
    const part = partsOn('lm.1')
    await pair.converse('LM', [
      part('m1', 1, start),
      part('m1', 2, append, { body: 'x'.repeat(101) }),
      part('m1', 2, append, { body: 'x'.repeat(100), flow: '3' }),
      part('m1', 3, append),
      part('m1', 4, append),
      part('m1', 5, append),
      part('m1', 5, end),
      info('LM'),
    ])
  })

  it('knows streams without acks, without interest, in memory', async () => {
    const kinds: Readonly<Record<string, Record<string, unknown>>> = {
      IN: { retention: 'interest' },
      ME: { storage: 'memory' },
    }
    for (const [name, config] of Object.entries(kinds)) {
      await pair.create(name, { allow_batched: true, ...config })
      const part = partsOn(`${name.toLowerCase()}.1`)
      await pair.converse(name, [
        part('n1', 1, start),
        part('n1', 2, append),
        part('n1', 3, commit),
        info(name),
      ])
    }
  })

  it('has so many of them open and no more', async () => {
    await pair.create('O', { allow_batched: true })
    const part = partsOn('o.1')
    await pair.converse('O', [
      part('o1', 1, start),
      part('o2', 1, start),
      part('o3', 1, start),
      part('o4', 1, start),
      part('o4', 1, commit),
      part('o1', 2, end),
      part('o4', 1, start),
      part('o2', 2, end),
      part('o3', 2, end),
      part('o4', 2, end),
    ])
    await pair.create('O2', { allow_batched: true })
    const other = partsOn('o2.1')
    await pair.converse('O', [part('o1', 1, start), part('o2', 1, start)])
    await pair.converse('O2', [
      other('o1', 1, start),
      other('o2', 1, start),
      other('o3', 1, start),
      other('o1', 2, end),
      other('o3', 1, start),
      other('o2', 2, end),
      other('o3', 2, end),
    ])
    await pair.converse('O', [part('o1', 2, end), part('o2', 2, end)])
  })

  it('is forgotten after a silence', async () => {
    await pair.create('S', { allow_batched: true })
    const part = partsOn('s.1')
    await pair.converse('S', [part('q1', 1, start), part('q2', 1, start), part('q2', 2, end)])
    await new Promise(resolve => setTimeout(resolve, 1200))
    await pair.converse('S', [part('q1', 2, append), part('q1', 1, ping), part('q1', 1, commit)])
  })
})
