// A request on each subject of the API, as it is answered when all is well (reference 6.2).

import type { Say } from '../jetstream-talk.ts'
import { api, consumer, ms, type Row, type Step, store, stream } from './hear.ts'

const x = stream()
const durable = { stream_name: 'X', config: { durable_name: 'c', ack_policy: 'explicit' } }
const named = { stream_name: 'X', config: { name: 'c', filter_subject: 'x.a' } }
const pinned = { priority_policy: 'pinned_client', priority_groups: ['g'] }

/** The subject, and the last part of the type of its answer. */
const answered = (subject: string, type: string) => ({
  title: subject,
  text: `"type":"io.nats.jetstream.api.v1.${type}_response"`,
})
const ask = (verb: string, body: Say[1] = ''): Step => [`${api}${verb}`, body]

export const subjectRows: readonly Row[] = [
  [answered('$JS.API.INFO', 'account_info'), ask('INFO')],
  [answered('$JS.API.STREAM.CREATE.<s>', 'stream_create'), x],
  [
    answered('$JS.API.STREAM.UPDATE.<s>', 'stream_update'),
    x,
    ask('STREAM.UPDATE.X', { name: 'X', subjects: ['x.>'], max_msgs: 5, allow_direct: true }),
  ],
  [answered('$JS.API.STREAM.NAMES', 'stream_names'), x, ask('STREAM.NAMES', { subject: 'x.a' })],
  [answered('$JS.API.STREAM.LIST', 'stream_list'), x, ask('STREAM.LIST', { offset: 0 })],
  [
    answered('$JS.API.STREAM.INFO.<s>', 'stream_info'),
    x,
    store(),
    ask('STREAM.INFO.X', { subjects_filter: '>', deleted_details: true }),
  ],
  [answered('$JS.API.STREAM.DELETE.<s>', 'stream_delete'), x, ask('STREAM.DELETE.X')],
  [
    answered('$JS.API.STREAM.PURGE.<s>', 'stream_purge'),
    x,
    store(),
    ask('STREAM.PURGE.X', { filter: 'x.a' }),
  ],
  [
    answered('$JS.API.STREAM.MSG.GET.<s>', 'stream_msg_get'),
    x,
    store(),
    ask('STREAM.MSG.GET.X', { last_by_subj: 'x.a' }),
  ],
  [
    answered('$JS.API.STREAM.MSG.DELETE.<s>', 'stream_msg_delete'),
    x,
    store(),
    ask('STREAM.MSG.DELETE.X', { seq: 1, no_erase: true }),
  ],
  [
    answered('$JS.API.STREAM.SNAPSHOT.<s>', 'stream_snapshot'),
    x,
    ask('STREAM.SNAPSHOT.X', { deliver_subject: '_H', no_consumers: true }),
  ],
  [
    answered('$JS.API.STREAM.RESTORE.<s>', 'stream_restore'),
    ask('STREAM.RESTORE.X', { config: { name: 'X', subjects: ['x.>'] }, state: {} }),
  ],
  [
    answered('$JS.API.STREAM.LEADER.STEPDOWN.<s>', 'stream_leader_stepdown'),
    x,
    ask('STREAM.LEADER.STEPDOWN.X'),
  ],
  [
    answered('$JS.API.STREAM.PEER.REMOVE.<s>', 'stream_remove_peer'),
    x,
    ask('STREAM.PEER.REMOVE.X', { peer: 'p' }),
  ],
  [
    answered('$JS.API.STREAM.PEER.EVACUATE.<s>', 'stream_evacuate_peer'),
    x,
    ask('STREAM.PEER.EVACUATE.X', { peer: 'p' }),
  ],
  [
    answered('$JS.API.STREAM.CANCEL_MOVE.<s>', 'stream_cancel_move'),
    x,
    ask('STREAM.CANCEL_MOVE.X'),
  ],
  [
    answered('$JS.API.CONSUMER.LEADER.STEPDOWN.<s>.<c>', 'consumer_leader_stepdown'),
    x,
    consumer(),
    ask('CONSUMER.LEADER.STEPDOWN.X.c'),
  ],
  [
    answered('$JS.API.CONSUMER.CREATE.<s>', 'consumer_create'),
    x,
    ask('CONSUMER.CREATE.X', { stream_name: 'X', config: { name: 'c', ack_policy: 'all' } }),
  ],
  [answered('$JS.API.CONSUMER.CREATE.<s>.<c>', 'consumer_create'), x, consumer()],
  [
    answered('$JS.API.CONSUMER.CREATE.<s>.<c>.<filter>', 'consumer_create'),
    x,
    ask('CONSUMER.CREATE.X.c.x.a', named),
  ],
  [
    answered('$JS.API.CONSUMER.DURABLE.CREATE.<s>.<c>', 'consumer_create'),
    x,
    ask('CONSUMER.DURABLE.CREATE.X.c', durable),
  ],
  [
    answered('$JS.API.CONSUMER.NAMES.<s>', 'consumer_names'),
    x,
    consumer(),
    ask('CONSUMER.NAMES.X', { offset: 0 }),
  ],
  [
    answered('$JS.API.CONSUMER.LIST.<s>', 'consumer_list'),
    x,
    consumer(),
    ask('CONSUMER.LIST.X', { offset: 0 }),
  ],
  [
    answered('$JS.API.CONSUMER.INFO.<s>.<c>', 'consumer_info'),
    x,
    consumer(),
    ask('CONSUMER.INFO.X.c'),
  ],
  [
    answered('$JS.API.CONSUMER.DELETE.<s>.<c>', 'consumer_delete'),
    x,
    consumer(),
    ask('CONSUMER.DELETE.X.c'),
  ],
  [
    answered('$JS.API.CONSUMER.PAUSE.<s>.<c>', 'consumer_pause'),
    x,
    consumer(),
    ask('CONSUMER.PAUSE.X.c'),
  ],
  [
    answered('$JS.API.CONSUMER.UNPIN.<s>.<c>', 'consumer_unpin'),
    x,
    consumer(pinned),
    ask('CONSUMER.UNPIN.X.c', { group: 'g' }),
  ],
  [
    answered('$JS.API.CONSUMER.RESET.<s>.<c>', 'consumer_reset'),
    x,
    consumer(),
    ask('CONSUMER.RESET.X.c', { seq: 1 }),
  ],
  [
    { title: '$JS.API.CONSUMER.MSG.NEXT.<s>.<c>', text: 'x.a |body' },
    x,
    store(),
    consumer(),
    { post: [`${api}CONSUMER.MSG.NEXT.X.c`, { batch: 1, expires: 1000 * ms }] },
  ],
  [
    { title: '$JS.API.DIRECT.GET.<s>', text: 'Nats-Sequence: 1' },
    x,
    store(),
    ask('DIRECT.GET.X', { last_by_subj: 'x.a' }),
  ],
  [
    { title: '$JS.API.DIRECT.GET.<s>.<subject>', text: 'Nats-Sequence: 1' },
    x,
    store(),
    ask('DIRECT.GET.X.x.a'),
  ],
]
