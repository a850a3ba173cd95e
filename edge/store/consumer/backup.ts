// A consumer as it stands in the archive of its stream, in nats-server 2.15's JSON:
//
//   { "config": …, "state": {
//       "delivered": { "consumer_seq", "stream_seq" }, "ack_floor": { … },
//       "pending": { "<stream seq>": { "Sequence": <consumer seq>, "Timestamp": <delivered, ns> } },
//       "redelivered": { "<stream seq>": <deliveries after the first> } } }
//
// A copy is taken at once, numbers only, and printed later: however many wait for an ack, the
// snapshot of their stream is of one moment. What comes back was written by others: what cannot be
// is left out, or refused. Everything that waits falls due as it would have; what was given up
// (max_deliver reached) is in `redelivered` alone, as there.

import type { Clock } from '../../../src/base/clock.ts'
import type { ConsumerBounds } from '../quota.ts'
import { type Fields, isFields } from '../api/text.ts'
import type { ApiError } from '../shapes.ts'
import { readConfig, withFields } from './config.ts'
import { checkConfig } from './config-check.ts'
import { withDefaults } from './config-defaults.ts'
import { ackPendingMax, type Consumer } from './consumer.ts'
import * as errors from './errors.ts'
import type { ConsumerGroup } from './group.ts'
import type { ConsumerState } from './keeper.ts'
import type { Pending } from './pending.ts'

/** Nobody counts further. */
const deliveriesMax = 1_000_000_000

export interface ConsumerCopy {
  readonly name: string
  /** The whole entry; made when it is asked for. */
  fields(): Fields
}

/** Of a moment: state and numbers, four for each message that waits. */
export function copyOf(
  consumer: Consumer,
  clock: Clock,
  nowUs: number,
  seqMax: number,
): ConsumerCopy {
  const { name, config } = consumer
  const state = consumer.state()
  const nowMs = clock.monotonicMs()
  const waiting: number[] = []
  const givenUp: number[] = []
  for (const seq of consumer.pending.waiting()) {
    const entry = seq <= seqMax ? consumer.pending.get(seq) : undefined
    if (!entry) continue
    // Postponed by -NAK or +WPI, it may be ahead of us.
    const agoUs = Math.max(0, Math.round((nowMs - entry.sentMs) * 1000))
    waiting.push(seq, entry.consumerSeq, entry.deliveries, nowUs - agoUs)
  }
  for (const seq of consumer.pending.sequences()) {
    if (seq <= seqMax && consumer.pending.isExhausted(seq)) givenUp.push(seq)
  }
  const deliveries = config.max_deliver ?? 1
  return {
    name,
    fields: (): Fields => ({
      config,
      state: stateFields(state, seqMax, waiting, givenUp, deliveries),
    }),
  }
}

function stateFields(
  state: ConsumerState,
  seqMax: number,
  waiting: readonly number[],
  givenUp: readonly number[],
  deliveriesMax: number,
): Fields {
  const pending: Record<string, Fields> = {}
  const redelivered: Record<string, number> = {}
  for (let i = 0; i + 3 < waiting.length; i += 4) {
    const [seq, consumerSeq, deliveries, deliveredUs] = waiting.slice(i, i + 4) as [
      number,
      number,
      number,
      number,
    ]
    pending[seq] = { Sequence: consumerSeq, Timestamp: deliveredUs * 1000 }
    if (deliveries > 1) redelivered[seq] = deliveries - 1
  }
  for (const seq of givenUp) redelivered[seq] = Math.max(1, deliveriesMax - 1)
  const { deliveredConsumerSeq, deliveredStreamSeq, floorConsumerSeq, floorStreamSeq } = state
  const delivered = Math.min(deliveredStreamSeq, seqMax)
  // What lies before the first delivery counts as acknowledged there.
  const isEven = floorConsumerSeq === deliveredConsumerSeq
  return {
    delivered: pair(deliveredConsumerSeq, delivered),
    ack_floor: pair(floorConsumerSeq, isEven ? delivered : Math.min(floorStreamSeq, seqMax)),
    ...(waiting.length > 0 && { pending }),
    ...(Object.keys(redelivered).length > 0 && { redelivered }),
  }
}

function pair(consumerSeq: number, streamSeq: number): Fields {
  return { consumer_seq: consumerSeq, stream_seq: streamSeq }
}

/** What an archive says of a consumer, once it can be believed. */
interface Believed {
  readonly state: ConsumerState
  readonly waiting: readonly Pending[]
  readonly givenUp: readonly Pending[]
}

/** Makes a consumer out of its entry; its rows share the group of the turn. */
export function adopt(
  group: ConsumerGroup,
  name: string,
  entry: Fields,
  bounds: ConsumerBounds,
): ApiError | null {
  const { config: given, state: states } = entry
  if (!isFields(given)) return errors.createFailed('config is missing')
  if (!isFields(states)) return errors.createFailed('state is missing')
  const read = readConfig(given)
  if (read === null) return errors.createFailed('config is invalid')
  const own = read.durable_name ?? read.name ?? ''
  if (own !== '' && own !== name) return errors.createFailed(`config is of "${own}"`)
  const { stream } = group
  const config = withDefaults(withFields(read, { name }), stream.config, bounds, false)
  if ('err_code' in config) return config
  const refused = checkConfig(config, stream.config, bounds)
  if (refused) return refused
  const believed = believe(states, group.clock.monotonicMs(), group.nowUs())
  if (believed === null) return errors.createFailed('state is invalid')
  const made = group.create(name, config, bounds.consumersMax)
  if ('err_code' in made) return made
  // It has not begun: which messages come first is worked out here.
  const { deliveredStreamSeq } = believed.state
  if (deliveredStreamSeq === 0 && config.deliver_policy === 'last_per_subject') return null
  for (const { seq, consumerSeq, sentMs, deliveries } of believed.waiting) {
    made.pending.add(seq, consumerSeq, sentMs, deliveries)
  }
  for (const given of believed.givenUp) made.pending.exhaust(given)
  const { id, createdUs } = made
  made.restore({ id, name, createdUs, config, state: believed.state, chunks: [] })
  group.saveNow(made)
  return null
}

/** null: it is not what a consumer's state looks like. */
function believe(fields: Fields, nowMs: number, nowUs: number): Believed | null {
  const delivered = sequences(fields.delivered)
  const floor = sequences(fields.ack_floor)
  const pending = fields.pending ?? {}
  const redelivered = fields.redelivered ?? {}
  if (delivered === null || floor === null || !isFields(pending) || !isFields(redelivered)) {
    return null
  }
  const floorStreamSeq = Math.min(floor.stream, delivered.stream)
  const isHere = (seq: number): boolean => seq > floorStreamSeq && seq <= delivered.stream
  const waiting: Pending[] = []
  for (const [key, value] of Object.entries(pending)) {
    if (waiting.length >= ackPendingMax) return null
    const [seq, consumerSeq] = [Number(key), isFields(value) ? Number(value.Sequence) : Number.NaN]
    if (!isCount(seq) || !isCount(consumerSeq)) return null
    if (!isHere(seq)) continue
    const agoMs = nowUs / 1000 - Number((value as Fields).Timestamp) / 1e6
    const sentMs = nowMs - (Math.max(0, agoMs) || 0)
    waiting.push({ seq, consumerSeq, deliveries: deliveriesOf(redelivered[key]), sentMs })
  }
  const givenUp: Pending[] = []
  for (const [key, value] of Object.entries(redelivered)) {
    const seq = Number(key)
    if (!isCount(seq) || key in pending || seq > delivered.stream || seq === 0) continue
    if (givenUp.length >= ackPendingMax) return null
    givenUp.push({ seq, consumerSeq: 0, deliveries: deliveriesOf(value), sentMs: 0 })
  }
  const state: ConsumerState = {
    deliveredConsumerSeq: delivered.consumer,
    deliveredStreamSeq: delivered.stream,
    floorConsumerSeq: Math.min(floor.consumer, delivered.consumer),
    floorStreamSeq,
    skipUntil: 0,
    lastDeliveredUs: 0,
    lastAckedUs: 0,
  }
  // In the order in which they were sent, as `pending` has them.
  waiting.sort((a, b) => a.sentMs - b.sentMs)
  return { state, waiting, givenUp }
}

function sequences(value: unknown): { consumer: number; stream: number } | null {
  if (!isFields(value)) return null
  const { consumer_seq: consumer, stream_seq: stream } = value
  return isCount(consumer) && isCount(stream) ? { consumer, stream } : null
}

/** `value`: how often after the first time. */
function deliveriesOf(value: unknown): number {
  return 1 + (isCount(value) ? Math.min(value, deliveriesMax) : 0)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
