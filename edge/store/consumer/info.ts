// ConsumerInfo as nats-server 2.15 prints it.

import { type Fields, timeText } from '../api/text.ts'
import type { Consumer } from './consumer.ts'
import { PullOutlet } from './pull.ts'
import { PushOutlet } from './push.ts'

export function infoFields(consumer: Consumer, nowUs: number): Fields {
  const { outlet } = consumer
  const waiting = outlet instanceof PullOutlet ? outlet.count : 0
  const state = consumer.state()
  return {
    stream_name: consumer.stream.config.name,
    name: consumer.name,
    created: timeText(consumer.createdUs),
    config: consumer.config,
    delivered: sequences(
      state.deliveredConsumerSeq,
      state.deliveredStreamSeq,
      state.lastDeliveredUs,
    ),
    ack_floor: sequences(state.floorConsumerSeq, state.floorStreamSeq, state.lastAckedUs),
    num_ack_pending: consumer.pending.count,
    num_redelivered: consumer.pending.redelivered,
    num_waiting: waiting,
    num_pending: consumer.cursor.pending(),
    ...(outlet instanceof PushOutlet && outlet.isActive && { push_bound: true }),
    ts: timeText(nowUs),
  }
}

function sequences(consumerSeq: number, streamSeq: number, lastUs: number): Fields {
  return {
    consumer_seq: consumerSeq,
    stream_seq: streamSeq,
    ...(lastUs > 0 && { last_active: timeText(lastUs) }),
  }
}
