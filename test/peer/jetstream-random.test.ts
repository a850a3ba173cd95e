// A random walk through a stream's life, taken by nats-server 2.10 and by us with the same steps:
// publishes with and without expectations, deletes, purges, limits. After every step both must
// give the same answer, and every few steps the same state, subject by subject.
//
// Some roads are left out, where we differ on purpose: PURGE with seq 1 (there it purges all),
// PURGE that keeps some in memory (there it miscounts), PURGE of a stream that never held a message
// (there it counts a sequence 0), roll-ups at a limit (there the limit comes first, although the
// roll-up makes room), discard new at a byte limit (there a message's overhead is not counted).

import * as assert from 'uvu/assert'
import { pairFor } from '../support/pair.ts'
import { spec } from '../support/spec.ts'
import { ask, type Say } from './jetstream-talk.ts'

const stepsEach = 250

/** mulberry32: the same walk every time, so that a failure can be walked again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const configs: readonly Readonly<Record<string, unknown>>[] = [
  {},
  { max_msgs: 7 },
  { max_bytes: 600 },
  { max_msgs_per_subject: 1 },
  { max_msgs_per_subject: 3, max_msgs: 10 },
  { max_msgs: 5, discard: 'new' },
  { max_msgs: 6, discard: 'new', max_msgs_per_subject: 2 },
  { max_msgs_per_subject: 2, discard: 'new', discard_new_per_subject: true },
  { max_msgs_per_subject: 2, storage: 'memory' },
  { max_bytes: 300, storage: 'memory', max_msg_size: 60 },
]

/** What a stream's walk leaves out. */
interface Roads {
  readonly rollups: boolean
  readonly keeps: boolean
}

/** One step for the stream `name`; `lastSeq` is a guess that is often right. */
function step(name: string, next: () => number, lastSeq: number, roads: Roads): Say {
  const pick = (count: number): number => Math.floor(next() * count)
  const subject = `${name}.${'abcd'[pick(4)]}${pick(4) === 0 ? '.x' : ''}`
  const payload = 'p'.repeat(pick(60))
  const seq = Math.max(0, lastSeq - pick(12))
  const api = '$JS.API.STREAM.'
  switch (pick(16)) {
    case 0:
      return [`${api}MSG.DELETE.${name}`, { seq }]
    case 1:
      return [`${api}PURGE.${name}`, { filter: `${name}.${'abcd'[pick(4)]}` }]
    case 2:
      return [`${api}PURGE.${name}`, { seq: seq === 1 ? 2 : seq }]
    case 3:
      return [`${api}PURGE.${name}`, roads.keeps ? { keep: 1 + pick(6) } : {}]
    case 4:
      return [`${api}PURGE.${name}`, { filter: `${name}.>`, keep: 1 + pick(4) }]
    case 5:
      return [`${api}MSG.GET.${name}`, { seq }]
    case 6:
      return [`${api}MSG.GET.${name}`, { last_by_subj: pick(2) ? subject : `${name}.*` }]
    case 7:
      return [`${api}MSG.GET.${name}`, { seq, next_by_subj: pick(2) ? subject : `${name}.*.>` }]
    case 8:
      return [subject, payload, { 'Nats-Msg-Id': String(pick(20)) }]
    case 9:
      return [subject, payload, { 'Nats-Expected-Last-Sequence': String(lastSeq) }]
    case 10:
      return [subject, payload, { 'Nats-Expected-Last-Subject-Sequence': String(pick(3) && seq) }]
    case 11:
      return [
        subject,
        payload,
        roads.rollups ? { 'Nats-Rollup': pick(3) === 0 ? 'all' : 'sub' } : {},
      ]
    default:
      return [subject, payload, pick(3) === 0 ? { Own: 'header' } : {}]
  }
}

spec('a random walk beside nats-server 2.15', (it, hooks) => {
  const pair = pairFor(hooks)

  for (const [at, config] of configs.entries()) {
    it(`goes the same way with ${JSON.stringify(config)}`, async () => {
      const name = `W${at}`
      const next = random(at + 1)
      const walked: string[] = []
      const { max_bytes, max_msgs, discard_new_per_subject, storage } = config
      const isLimited = max_bytes !== undefined || max_msgs !== undefined
      const roads: Roads = {
        rollups: !isLimited && !discard_new_per_subject,
        keeps: storage !== 'memory',
      }
      let lastSeq = 0
      const both = async (say: Say): Promise<void> => {
        const [expected, actual] = await Promise.all([ask(pair.theirs, say), ask(pair.ours, say)])
        const seq = /"seq":(\d+)/.exec(expected)?.[1]
        if (!say[0].startsWith('$JS') && seq) lastSeq = Math.max(lastSeq, Number(seq))
        walked.push(JSON.stringify(say))
        assert.is(actual, expected, `${walked.slice(-12).join('\n')}\n${expected}\n${actual}`)
      }
      const fields = { name, subjects: [`${name}.>`], allow_rollup_hdrs: true, ...config }
      await both([`$JS.API.STREAM.CREATE.${name}`, fields])
      await both([`${name}.a`, 'the first'])
      for (let i = 1; i <= stepsEach; i++) {
        await both(step(name, next, lastSeq, roads))
        if (i % 5 !== 0) continue
        const details = { subjects_filter: '>', deleted_details: true }
        await both([`$JS.API.STREAM.INFO.${name}`, details])
      }
    })
  }
})
