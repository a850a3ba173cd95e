// The STREAM.* verbs that are about a stream as a whole (reference 6.2).

import { overlaps } from '../../../src/subject/subject.ts'
import {
  badRequest,
  clusterRequired,
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
import {
  createdFields,
  infoFields,
  listedFields,
  type StateDetails,
  updatedFields,
} from './info.ts'
import { isEmptyRequest, readOptional, readRequest } from './read.ts'
import {
  type ApiAnswer,
  type ApiRequest,
  type ApiRow,
  isApiError,
  type StreamAdmin,
} from './request.ts'
import {
  streamConfigRequest,
  streamInfoRequest,
  streamListRequest,
  streamNamesRequest,
  streamPurgeRequest,
} from './requests.ts'
import { FieldReader, type Fields } from './text.ts'

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
    onError: { ...unpaged, streams: [] },
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
    subject: 'STREAM.PEER.EVACUATE.*',
    type: 'stream_evacuate_peer_response',
    handle: () => clusterRequired,
  },
  {
    subject: 'STREAM.CANCEL_MOVE.*',
    type: 'stream_cancel_move_response',
    handle: () => clusterRequired,
  },
  {
    subject: 'CONSUMER.LEADER.STEPDOWN.*.*',
    type: 'consumer_leader_stepdown_response',
    handle: () => clusterRequired,
  },
]

function createStream(request: Request): ApiAnswer {
  const { jetstream, names } = request
  const fields = readRequest(request, streamConfigRequest)
  if (isApiError(fields)) return fields
  const config = readStreamConfig(fields)
  const name = names[0] as string
  if (config.name !== name) return streamMismatch
  if (/[\\/]/.test(name)) return namePathSeparators
  if (config.sealed) {
    return streamInvalidConfig('stream configuration for create can not be sealed')
  }
  if (config.mirror_direct && !config.mirror) {
    return streamInvalidConfig('stream has no mirror but does have mirror direct')
  }
  const stream = jetstream.create(config, fields.pedantic === true)
  if (isApiError(stream)) return stream
  return { ...createdFields(jetstream, stream), did_create: true }
}

function updateStream(request: Request): ApiAnswer {
  const { jetstream, names } = request
  const fields = readRequest(request, streamConfigRequest)
  if (isApiError(fields)) return fields
  const config = jetstream.complete(readStreamConfig(fields), fields.pedantic === true)
  if (isApiError(config)) return config
  if (config.name !== names[0]) return streamMismatch
  const stream = jetstream.stream(config.name)
  if (!stream) return jetstream.missing(names[0] as string)
  return jetstream.update(stream, config) ?? updatedFields(jetstream, stream)
}

function deleteStream({ jetstream, names, body }: Request): ApiAnswer {
  if (!isEmptyRequest(body)) return notEmptyRequest
  const name = names[0] as string
  const stream = jetstream.stream(name) ?? jetstream.offline.stream(name)
  if (!stream) return streamNotFound
  return jetstream.delete(stream) ?? { success: true }
}

function purgeStream(request: Request): ApiAnswer | Promise<ApiAnswer> {
  const { jetstream, names } = request
  const fields = readOptional(request, streamPurgeRequest)
  if (isApiError(fields)) return fields
  const read = new FieldReader(fields)
  const filter = read.text('filter')
  const seq = read.integer('seq')
  const keep = read.integer('keep')
  if (seq > 0 && keep > 0) return badRequest
  const stream = jetstream.stream(names[0] as string)
  if (!stream) return jetstream.missing(names[0] as string)
  if (stream.config.sealed) return streamSealed
  if (stream.config.deny_purge) return purgeFailed('stream purge not permitted')
  const what = {
    ...(filter !== '' && { filter }),
    ...(seq > 0 && { seq }),
    ...(keep > 0 && { keep }),
  }
  return stream.purgeGently(what).then(purged => ({ success: true, purged }))
}

function streamInfo(request: Request): ApiAnswer {
  const { jetstream, names } = request
  const fields = readOptional(request, streamInfoRequest)
  if (isApiError(fields)) return fields
  const read = new FieldReader(fields)
  const filter = read.text('subjects_filter')
  const offset = Math.max(0, read.integer('offset'))
  const stream = jetstream.stream(names[0] as string)
  if (!stream) return jetstream.missing(names[0] as string)
  const deleted = read.flag('deleted_details') ? stream.deleted?.(deletedPageMax) : undefined
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

function streamNames(request: Request): ApiAnswer {
  const fields = readOptional(request, streamNamesRequest)
  if (isApiError(fields)) return fields
  const { streams, offset } = selectStreams(request.jetstream, fields)
  const page = streams.slice(offset, offset + namesPageMax).map(stream => stream.config.name)
  return {
    total: streams.length,
    offset,
    limit: namesPageMax,
    streams: page.length > 0 ? page : null,
  }
}

function streamList(request: Request): ApiAnswer {
  const { jetstream } = request
  const fields = readOptional(request, streamListRequest)
  if (isApiError(fields)) return fields
  const { streams, offset } = selectStreams(jetstream, fields)
  const offline = jetstream.offline.reasons
  const page = streams.slice(offset, offset + listPageMax)
  return {
    total: streams.length,
    offset,
    limit: listPageMax,
    streams: page.map(stream => listedFields(jetstream, stream)),
    ...(Object.keys(offline).length > 0 && { missing: Object.keys(offline).sort(), offline }),
  }
}

/** Streams in the order of their names, those whose subjects meet the request's. */
function selectStreams(
  jetstream: StreamAdmin,
  fields: Fields,
): { streams: readonly Stream[]; offset: number } {
  const read = new FieldReader(fields)
  const subject = read.text('subject')
  const offset = Math.max(0, read.integer('offset'))
  const streams = [...jetstream.streams.values()]
    .filter(({ config }) => subject === '' || config.subjects?.some(own => overlaps(own, subject)))
    .sort((a, b) => (a.config.name < b.config.name ? -1 : 1))
  return { streams, offset: Math.min(offset, streams.length) }
}
