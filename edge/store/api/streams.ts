// The STREAM.* verbs that are about a stream as a whole (reference 6.2).

import { overlaps } from '../../../src/subject/subject.ts'
import {
  badRequest,
  clusterRequired,
  invalidJson,
  namePathSeparators,
  notEmptyRequest,
  purgeFailed,
  streamInvalidConfig,
  streamMismatch,
  streamNotFound,
  streamSealed,
} from '../errors.ts'
import type { Stream } from '../shapes.ts'
import { readStreamConfig } from './config.ts'
import { createdFields, infoFields, type StateDetails, updatedFields } from './info.ts'
import {
  type ApiAnswer,
  type ApiRequest,
  type ApiRow,
  isApiError,
  type StreamAdmin,
} from './request.ts'
import { FieldReader, isEmpty, readFields } from './text.ts'

type Request = ApiRequest<StreamAdmin>

const namesPageMax = 1024
const listPageMax = 256
const subjectsPageMax = 100_000
const deletedPageMax = 100_000

const unpaged = { total: 0, offset: 0, limit: 0 }

export const streamRows: readonly ApiRow<StreamAdmin>[] = [
  {
    subject: 'STREAM.CREATE.*',
    type: 'stream_create_response',
    handle: createStream,
    writes: true,
  },
  {
    subject: 'STREAM.UPDATE.*',
    type: 'stream_update_response',
    handle: updateStream,
    writes: true,
  },
  {
    subject: 'STREAM.DELETE.*',
    type: 'stream_delete_response',
    handle: deleteStream,
    writes: true,
  },
  {
    subject: 'STREAM.PURGE.*',
    type: 'stream_purge_response',
    handle: purgeStream,
    writes: true,
    onError: { purged: 0 },
  },
  {
    subject: 'STREAM.INFO.*',
    type: 'stream_info_response',
    handle: streamInfo,
    onError: unpaged,
  },
  {
    subject: 'STREAM.NAMES',
    type: 'stream_names_response',
    handle: streamNames,
    onError: { ...unpaged, streams: null },
  },
  {
    subject: 'STREAM.LIST',
    type: 'stream_list_response',
    handle: streamList,
    onError: { ...unpaged, streams: null },
  },
  {
    subject: 'STREAM.SNAPSHOT.*',
    type: 'stream_snapshot_response',
    handle: request => request.jetstream.backups.snapshot(request),
  },
  {
    subject: 'STREAM.RESTORE.*',
    type: 'stream_restore_response',
    handle: request => request.jetstream.backups.restore(request),
    onError: { deliver_subject: '' },
  },
  {
    subject: 'STREAM.LEADER.STEPDOWN.*',
    type: 'stream_leader_stepdown_response',
    handle: () => clusterRequired,
  },
  {
    subject: 'STREAM.PEER.REMOVE.*',
    type: 'stream_remove_peer_response',
    handle: () => clusterRequired,
  },
  {
    subject: 'CONSUMER.LEADER.STEPDOWN.*.*',
    type: 'consumer_leader_stepdown_response',
    handle: () => clusterRequired,
  },
]

function createStream({ jetstream, names, body }: Request): ApiAnswer {
  const fields = readFields(body)
  if (fields === null) return invalidJson
  const read = new FieldReader(fields)
  const name = names[0] as string
  const nameInside = read.text('name')
  if (read.wrong) return invalidJson
  if (nameInside !== name) return streamMismatch
  if (/[\\/]/.test(name)) return namePathSeparators
  if (read.flag('sealed')) {
    return streamInvalidConfig('stream configuration for create can not be sealed')
  }
  const config = readStreamConfig(fields, jetstream.duplicateWindowNsMax)
  if (isApiError(config)) return config
  const stream = jetstream.create(config)
  if (isApiError(stream)) return stream
  return { ...createdFields(jetstream, stream), did_create: true }
}

function updateStream({ jetstream, names, body }: Request): ApiAnswer {
  const fields = readFields(body)
  if (fields === null) return invalidJson
  const config = readStreamConfig(fields, jetstream.duplicateWindowNsMax)
  if (isApiError(config)) return config
  if (config.name !== names[0]) return streamMismatch
  const stream = jetstream.stream(config.name)
  if (!stream) return streamNotFound
  return jetstream.update(stream, config) ?? updatedFields(jetstream, stream)
}

function deleteStream({ jetstream, names, body }: Request): ApiAnswer {
  const fields = readFields(body)
  if (fields === null || !isEmpty(fields)) return notEmptyRequest
  const stream = jetstream.stream(names[0] as string)
  if (!stream) return streamNotFound
  return jetstream.delete(stream) ?? { success: true }
}

function purgeStream({ jetstream, names, body }: Request): ApiAnswer {
  const fields = readFields(body)
  if (fields === null) return invalidJson
  const read = new FieldReader(fields)
  const filter = read.text('filter')
  const seq = read.count('seq')
  const keep = read.count('keep')
  if (read.wrong) return invalidJson
  if (seq > 0 && keep > 0) return badRequest
  const stream = jetstream.stream(names[0] as string)
  if (!stream) return streamNotFound
  if (stream.config.sealed) return streamSealed
  if (stream.config.deny_purge) return purgeFailed('stream purge not permitted')
  const purged = stream.purge({
    ...(filter !== '' && { filter }),
    ...(seq > 0 && { seq }),
    ...(keep > 0 && { keep }),
  })
  return { success: true, purged }
}

function streamInfo({ jetstream, names, body }: Request): ApiAnswer {
  const fields = readFields(body)
  if (fields === null) return invalidJson
  const read = new FieldReader(fields)
  const filter = read.text('subjects_filter')
  const offset = read.count('offset')
  const wantsDeleted = read.flag('deleted_details')
  if (read.wrong) return invalidJson
  const stream = jetstream.stream(names[0] as string)
  if (!stream) return streamNotFound
  const deleted = wantsDeleted ? stream.deleted?.(deletedPageMax) : undefined
  const paging = filter === '' ? null : subjectPage(stream, filter, offset)
  const details: StateDetails = {
    ...(paging && { subjects: paging.subjects }),
    ...(deleted && { deleted }),
  }
  const page = paging ? { total: paging.total, offset, limit: subjectsPageMax } : unpaged
  return { ...page, ...infoFields(jetstream, stream, details) }
}

interface SubjectPage {
  readonly total: number
  readonly subjects: Readonly<Record<string, number>>
}

function subjectPage(stream: Stream, filter: string, offset: number): SubjectPage | null {
  const page = stream.subjects(filter, offset, subjectsPageMax)
  let total = Math.min(offset, stream.state().subjects) + page.length
  if (page.length === subjectsPageMax) total = countSubjects(stream, filter, offset)
  return total === 0 ? null : { total, subjects: Object.fromEntries(page) }
}

function countSubjects(stream: Stream, filter: string, offset: number): number {
  let total = offset
  for (;;) {
    const count = stream.subjects(filter, total, subjectsPageMax).length
    total += count
    if (count < subjectsPageMax) return total
  }
}

function streamNames({ jetstream, body }: Request): ApiAnswer {
  const found = selectStreams(jetstream, body)
  if (found === null) return invalidJson
  const { streams, offset } = found
  const page = streams.slice(offset, offset + namesPageMax).map(stream => stream.config.name)
  return {
    total: streams.length,
    offset,
    limit: namesPageMax,
    streams: page.length > 0 ? page : null,
  }
}

function streamList({ jetstream, body }: Request): ApiAnswer {
  const found = selectStreams(jetstream, body)
  if (found === null) return invalidJson
  const { streams, offset } = found
  const page = streams.slice(offset, offset + listPageMax)
  return {
    total: streams.length,
    offset,
    limit: listPageMax,
    streams: page.map(stream => updatedFields(jetstream, stream)),
  }
}

/** Streams in the order of their names, those whose subjects meet the request's. */
function selectStreams(
  jetstream: StreamAdmin,
  body: Buffer,
): { streams: readonly Stream[]; offset: number } | null {
  const fields = readFields(body)
  if (fields === null) return null
  const read = new FieldReader(fields)
  const subject = read.text('subject')
  const offset = read.count('offset')
  if (read.wrong) return null
  const streams = [...jetstream.streams.values()]
    .filter(({ config }) => subject === '' || config.subjects?.some(own => overlaps(own, subject)))
    .sort((a, b) => (a.config.name < b.config.name ? -1 : 1))
  return { streams, offset: Math.min(offset, streams.length) }
}
