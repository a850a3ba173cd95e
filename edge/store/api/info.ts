// StreamInfo as nats-server 2.15 prints it, for the API and for /jsz.

import type { Stream, StreamState } from '../shapes.ts'
import { configFields, shownConfig } from './config.ts'
import type { StreamAdmin } from './request.ts'
import { type Fields, timeText } from './text.ts'

export interface StateDetails {
  readonly subjects?: Readonly<Record<string, number>>
  readonly deleted?: readonly number[]
}

/** `state` of a stream. An empty stream that never held a message begins at 0, as there. */
export function stateFields(
  state: StreamState,
  consumers: number,
  { subjects, deleted }: StateDetails = {},
): Fields {
  const untouched = state.lastSeq === 0 && state.messages === 0
  return {
    messages: state.messages,
    bytes: state.bytes,
    first_seq: untouched ? 0 : state.firstSeq,
    first_ts: timeText(state.messages > 0 ? state.firstTimeUs : 0),
    last_seq: state.lastSeq,
    last_ts: timeText(state.lastTimeUs),
    ...(state.subjects > 0 && { num_subjects: state.subjects }),
    ...(subjects && { subjects }),
    ...(state.deleted > 0 && { num_deleted: state.deleted }),
    ...(deleted && deleted.length > 0 && { deleted }),
    consumer_count: consumers,
  }
}

/** Answer to a create: nats-server leaves cluster and domain out of it. */
export function createdFields(jetstream: StreamAdmin, stream: Stream): Fields {
  return {
    config: shownConfig(stream.config),
    created: timeText(stream.createdUs),
    state: stateFields(stream.state(), jetstream.consumerCount(stream)),
    ...jetstream.feeds(stream),
    ts: timeText(jetstream.nowUs()),
  }
}

/** An entry of a list: without the server's version and level. */
export function listedFields(jetstream: StreamAdmin, stream: Stream): Fields {
  return { ...updatedFields(jetstream, stream), config: configFields(stream.config) }
}

/** Answer to an update. */
export function updatedFields(jetstream: StreamAdmin, stream: Stream): Fields {
  const { config, created, state, ts, ...feeds } = createdFields(jetstream, stream)
  return { config, created, state, ...domainOf(jetstream), ...feeds, ts }
}

export function infoFields(
  jetstream: StreamAdmin,
  stream: Stream,
  details: StateDetails = {},
): Fields {
  return {
    config: shownConfig(stream.config),
    created: timeText(stream.createdUs),
    state: stateFields(stream.state(), jetstream.consumerCount(stream), details),
    ...domainOf(jetstream),
    cluster: { leader: jetstream.serverName },
    ...jetstream.feeds(stream),
    ts: timeText(jetstream.nowUs()),
  }
}

function domainOf(jetstream: StreamAdmin): Fields {
  return jetstream.domain === '' ? {} : { domain: jetstream.domain }
}
