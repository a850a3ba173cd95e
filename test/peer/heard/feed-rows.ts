// What lets the errors be heard that a mirror or a source tells in the info of its stream
// (reference 6.13, ADR-60).

import { api, type Row, type Step, stream } from './hear.ts'

const made = { name: 'made', deliver_subject: 'made.for' }
const origin = stream({}, 'O')
const unacknowledged: Step = [
  `${api}CONSUMER.CREATE.O.made`,
  {
    stream_name: 'O',
    config: { durable_name: 'made', deliver_subject: 'made.for', ack_policy: 'explicit' },
  },
]
const info: Step = { poll: [`${api}STREAM.INFO.X`] }
const mirror: Step = [`${api}STREAM.CREATE.X`, { name: 'X', mirror: { name: 'O', consumer: made } }]
const fed: Step = [`${api}STREAM.CREATE.X`, { name: 'X', sources: [{ name: 'O', consumer: made }] }]

export const feedRows: readonly Row[] = [
  ['"err_code":10059', [`${api}STREAM.CREATE.X`, { name: 'X', mirror: { name: 'NONE' } }], info],
  ['"err_code":10214', origin, unacknowledged, mirror, info],
  ['"err_code":10217', origin, unacknowledged, fed, info],
]
