// What a direct get asks for (ADR-31, reference 6.6), or the status that says what is wrong with
// it. Unlike the API's other requests these are read loosely, as in nats-server: unknown fields
// are nothing.

import { FieldReader, type Fields, readFields, timeOf } from './text.ts'

export interface DirectRequest {
  readonly seq: number
  readonly lastBySubject: string
  readonly nextBySubject: string
  /** 0: not a batch, one message. */
  readonly batch: number
  /** 0: as the server bounds it. */
  readonly bytesMax: number
  /** Microseconds; null: none. */
  readonly startUs: number | null
  readonly multiLast: readonly string[]
  readonly upToSeq: number
  readonly upToUs: number | null
  readonly noHeaders: boolean
}

/** The request, or a status. */
export function directRequest(body: Buffer): DirectRequest | string {
  if (body.length === 0) return '408 Empty Request'
  const request = readDirect(body)
  if (request === null) return '408 Malformed Request'
  if (isNothing(request)) return '408 Empty Request'
  return isContradiction(request) ? '408 Bad Request' : request
}

/** The last message on the subject that stands in the request's own; only `no_hdr` is an option. */
export function subjectRequest(subject: string, body: Buffer): DirectRequest | string {
  if (body.length === 0) return { ...none, lastBySubject: subject }
  const request = readDirect(body)
  if (request === null) return '408 Malformed Request'
  const isMore = !isNothing(request) || request.batch !== 0 || request.upToSeq !== 0
  if (isMore || request.upToUs !== null) return '408 Bad Request'
  return { ...request, lastBySubject: subject }
}

const none: DirectRequest = {
  seq: 0,
  lastBySubject: '',
  nextBySubject: '',
  batch: 0,
  bytesMax: 0,
  startUs: null,
  multiLast: [],
  upToSeq: 0,
  upToUs: null,
  noHeaders: false,
}

function readDirect(body: Buffer): DirectRequest | null {
  const fields = readFields(body)
  return fields === null ? null : requestOf(fields)
}

/** Null when a field is of the wrong type. */
function requestOf(fields: Fields): DirectRequest | null {
  const read = new FieldReader(fields)
  const start = read.has('start_time') ? read.text('start_time') : null
  const upTo = read.has('up_to_time') ? read.text('up_to_time') : null
  const startUs = start === null ? null : timeOf(start)
  const upToUs = upTo === null ? null : timeOf(upTo)
  const request = {
    seq: read.count('seq'),
    lastBySubject: read.text('last_by_subj'),
    nextBySubject: read.text('next_by_subj'),
    batch: read.integer('batch'),
    bytesMax: read.integer('max_bytes'),
    startUs,
    multiLast: read.texts('multi_last'),
    upToSeq: read.count('up_to_seq'),
    upToUs,
    noHeaders: read.flag('no_hdr'),
  }
  const isNoTime = (start !== null && startUs === null) || (upTo !== null && upToUs === null)
  return read.wrong || isNoTime ? null : request
}

function isNothing(request: DirectRequest): boolean {
  const { seq, lastBySubject, nextBySubject, multiLast, startUs } = request
  if (seq !== 0 || startUs !== null) return false
  return lastBySubject === '' && nextBySubject === '' && multiLast.length === 0
}

function isContradiction(request: DirectRequest): boolean {
  const { seq, lastBySubject, nextBySubject, multiLast, startUs, batch } = request
  const hasMany = multiLast.length > 0
  if (seq > 0 && startUs !== null) return true
  if (request.upToSeq > 0 && request.upToUs !== null) return true
  if (nextBySubject !== '' && hasMany) return true
  if (lastBySubject === '') return false
  return seq > 0 || startUs !== null || nextBySubject !== '' || batch > 0 || hasMany
}
