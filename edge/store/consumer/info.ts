// ConsumerInfo as nats-server 2.15 prints it.

import { shownMetadata } from '../api/level.ts'
import { type Fields, timeText } from '../api/text.ts'
import { withFields } from './config.ts'
import type { Consumer } from './consumer.ts'
import type { Outlet } from './outlet.ts'
import { untilOf } from './pause.ts'
import { PullOutlet } from './pull.ts'
import { PushOutlet } from './push.ts'

/** Its config's metadata tell which server this is. */
export function infoFields(consumer: Consumer, nowUs: number): Fields {
  const { config } = consumer
  const shown = withFields(config, { metadata: shownMetadata(config.metadata) })
  return { ...storedFields(consumer, nowUs), config: shown }
}

/** In lists and in monitoring the config is as it is stored. */
export function storedFields(consumer: Consumer, nowUs: number): Fields {
  const { outlet } = consumer
  const waiting = outlet instanceof PullOutlet ? outlet.count : 0
  const state = consumer.state()
  const { max_deliver, priority_groups } = consumer.config
  const pauseUs = Math.max(0, untilOf(consumer.config) - nowUs)
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
    // Nothing is ever delivered again: those given up are no redeliveries.
    num_redelivered: max_deliver === 1 ? 0 : consumer.pending.redelivered,
    num_waiting: waiting,
    num_pending: consumer.cursor.pending(),
    ...(outlet instanceof PushOutlet && outlet.isActive && { push_bound: true }),
    ...(pauseUs > 0 && { paused: true, pause_remaining: pauseUs * 1000 }),
    ts: timeText(nowUs),
    ...(priority_groups && { priority_groups: [groupState(priority_groups, outlet)] }),
  }
}

/** As there, only the first group is shown: there is one pin. */
function groupState(groups: readonly string[], outlet: Outlet): Fields {
  const pin = outlet instanceof PullOutlet ? outlet.pin : null
  return {
    group: groups[0],
    ...(pin && pin.id !== '' && { pinned_client_id: pin.id }),
    pinned_ts: timeText(pin?.sinceUs ?? 0),
  }
}

function sequences(consumerSeq: number, streamSeq: number, lastUs: number): Fields {
  return {
    consumer_seq: consumerSeq,
    stream_seq: streamSeq,
    ...(lastUs > 0 && { last_active: timeText(lastUs) }),
  }
}
