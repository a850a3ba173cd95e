// What provokes the error codes of streams: their configs, what is read and removed.

import { api, type Row, second, stream, update } from './provoke.ts'

const source = (fields: Readonly<Record<string, unknown>>) =>
  stream({ sources: [{ name: 'O', ...fields }] })
const mirror = (fields: Readonly<Record<string, unknown>>) =>
  stream({ mirror: { name: 'O', ...fields } })
const to = (src: string, dest: string) => ({ src, dest })
const consumer = { name: 'c', deliver_subject: 'deliver.here' }
const external = (prefix: string, deliver: string) => ({
  external: { api: prefix, deliver },
})

export const streamRows: readonly Row[] = [
  [10003, stream(), [`${api}STREAM.MSG.GET.X`, {}]],
  [10010, stream(), [`${api}STREAM.LEADER.STEPDOWN.X`]],
  [10015, stream(), [`${api}STREAM.SNAPSHOT.X`, { deliver_subject: 'a.*' }]],
  [10025, [`${api}STREAM.CREATE.X`, '{bad']],
  [10037, stream(), [`${api}STREAM.MSG.GET.X`, { seq: 9 }]],
  [10038, stream(), [`${api}STREAM.DELETE.X`, { a: 1 }]],
  [
    10043,
    stream(),
    ['x.a'],
    ['x.a'],
    ['x.a'],
    [`${api}STREAM.MSG.DELETE.X`, { seq: 2 }],
    [`${api}STREAM.MSG.DELETE.X`, { seq: 2 }],
  ],
  [10052, stream({ description: 'd'.repeat(4097) })],
  [10056, [`${api}STREAM.CREATE.X`, { name: 'Y' }]],
  [10057, stream({ deny_delete: true }), ['x.a'], [`${api}STREAM.MSG.DELETE.X`, { seq: 1 }]],
  [10058, stream(), stream({ max_msgs: 5 })],
  [10059, [`${api}STREAM.INFO.NONE`]],
  [10065, stream(), stream({ subjects: ['x.a'] }, 'Y')],
  [10049, stream({ sources: [{ name: 'O', filter_subject: 'a..b' }] })],
  [10074, stream({ num_replicas: 3 })],
  [10109, stream(), update({ sealed: true }), [`${api}STREAM.PURGE.X`]],
  [10110, stream({ deny_purge: true }), [`${api}STREAM.PURGE.X`]],
  [10128, [`${api}STREAM.CREATE.a/b`, { name: 'a/b' }]],
  [10130, stream(), [`${api}STREAM.RESTORE.X`, { config: { name: 'X' }, state: {} }]],
  [10133, stream({ num_replicas: -1 })],
  [10155, stream({ subject_transform: to('x..', 'y') })],
  [10156, stream({ subject_transform: to('x.>', 'y.{{no(1)}}') })],
  [10157, stream({ max_age: second, duplicate_window: 0, max_msgs: -5, pedantic: true })],
  [10185, [`${api}STREAM.INFO.X`, '', { 'Nats-Required-Api-Level': '99' }]],
]

export const feedRows: readonly Row[] = [
  [10021, source(external('$JS.API', ''))],
  [
    10022,
    stream({ subjects: ['d.>'] }, 'P'),
    stream({ sources: [{ name: 'P' }, { name: 'O', ...external('h.api', 'd') }] }),
  ],
  [10024, source(external('h.api', 'd.*'))],
  [10030, stream({ max_msg_size: 100 }, 'O'), stream({ mirror: { name: 'O' }, max_msg_size: 50 })],
  [10031, stream({ mirror: { name: 'O' }, sources: [{ name: 'P' }] })],
  [10034, stream({ mirror: { name: 'O' }, subjects: ['x'] })],
  [
    10046,
    stream({ max_msg_size: 100 }, 'O'),
    stream({ sources: [{ name: 'O' }], max_msg_size: 50 }),
  ],
  [10055, mirror({}), update({ mirror: { name: 'P' } })],
  [10140, stream({ sources: [{ name: 'O' }, { name: 'O' }] })],
  [10141, source({ name: 'a b' })],
  [10142, mirror({ name: 'a b' })],
  [10143, stream({ mirror: { name: 'O' }, first_seq: 5 })],
  [10144, source({ filter_subject: 'a', subject_transforms: [to('a', 'b')] })],
  [10145, source({ subject_transforms: [to('a..', 'b')] })],
  [10146, source({ subject_transforms: [to('a', 'b.{{no(1)}}')] })],
  [10147, source({ subject_transforms: [to('a.*', ''), to('a.b', '')] })],
  [10150, mirror({ filter_subject: 'a', subject_transforms: [to('a', 'b')] })],
  [10151, mirror({ subject_transforms: [to('a..', 'b')] })],
  [10152, mirror({ subject_transforms: [to('a.*', ''), to('a.b', '')] })],
  [10154, mirror({ subject_transforms: [to('a', 'b.{{no(1)}}')] })],
  [10173, stream({ mirror: { name: 'O' }, allow_msg_counter: true })],
  [10186, stream({ mirror: { name: 'O' }, allow_msg_schedules: true })],
  [10187, stream({ sources: [{ name: 'O' }], allow_msg_schedules: true })],
  [10198, stream({ mirror: { name: 'O' }, allow_atomic: true })],
  [10209, stream({ mirror: { name: 'O' }, allow_batched: true })],
  [10213, mirror({ consumer: { ...consumer, deliver_subject: 'd.*' } })],
  [10215, source({ consumer: { ...consumer, deliver_subject: '>' } })],
  [
    10216,
    stream({
      sources: [
        { name: 'O', consumer },
        { name: 'P', consumer },
        { name: 'O', consumer, subject_transforms: [to('o', 'p')] },
      ],
    }),
  ],
]
