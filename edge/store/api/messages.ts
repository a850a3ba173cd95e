// STREAM.MSG.GET and STREAM.MSG.DELETE, and the choice of a message they share with direct get.

import { hasWildcard } from '../../../src/subject/subject.ts'
import {
  badRequest,
  messageDeleteFailed,
  noMessageFound,
  sequenceNotFound,
  streamSealed,
} from '../errors.ts'
import type { ApiError, StoredMessage, Stream } from '../shapes.ts'
import { isEmptyRequest, readRequest } from './read.ts'
import { type ApiAnswer, type ApiRequest, type ApiRow, isApiError } from './request.ts'
import { messageDeleteRequest, messageGetRequest } from './requests.ts'
import { FieldReader, type Fields, timeOf, timeText } from './text.ts'

export const messageRows: readonly ApiRow[] = [
  {
    subject: 'STREAM.MSG.GET.*',
    type: 'stream_msg_get_response',
    handle: getMessage,
    quiet: true,
  },
  {
    subject: 'STREAM.MSG.DELETE.*',
    type: 'stream_msg_delete_response',
    handle: deleteMessage,
    writes: true,
  },
]

/** Which message: by number, the last on a subject, or the next on a subject from a number on. */
export interface MessageChoice {
  readonly seq: number
  readonly lastBySubject: string
  readonly nextBySubject: string
}

function readChoice(read: FieldReader): MessageChoice {
  return {
    seq: read.integer('seq'),
    lastBySubject: read.text('last_by_subj'),
    nextBySubject: read.text('next_by_subj'),
  }
}

/** Asks for two things at once, or for nothing at all. */
function isContradiction(choice: MessageChoice, hasStart: boolean): boolean {
  const { seq, lastBySubject, nextBySubject } = choice
  if (hasStart && seq > 0) return true
  if (lastBySubject !== '') return seq > 0 || hasStart || nextBySubject !== ''
  return !hasStart && seq === 0 && nextBySubject === ''
}

/**
 * Where the last message on a subject is still on its way to the disk, the one before may be gone
 * already: who asks for the last one waits for the disk, instead of hearing that there is none.
 */
export function isOnItsWay(stream: Stream, filter: string): boolean {
  const lastSeq = hasWildcard(filter) ? stream.state().lastSeq : stream.lastSeqOf(filter)
  return lastSeq > stream.readableSeq
}

export function chosen(stream: Stream, choice: MessageChoice): StoredMessage | undefined {
  const { seq, lastBySubject, nextBySubject } = choice
  if (nextBySubject !== '') return stream.next([nextBySubject], Math.max(1, seq))
  return lastBySubject !== '' ? stream.last(lastBySubject) : stream.get(seq)
}

function getMessage(request: ApiRequest): ApiAnswer | Promise<ApiAnswer> {
  const { jetstream, names, body } = request
  if (isEmptyRequest(body)) return badRequest
  const fields = readRequest(request, messageGetRequest)
  if (isApiError(fields)) return fields
  const read = new FieldReader(fields)
  const start = read.text('start_time')
  const choice = readChoice(read)
  if (read.integer('batch') > 0 || read.integer('max_bytes') > 0) return badRequest
  if (isContradiction(choice, start !== '')) return badRequest
  const stream = jetstream.stream(names[0] as string)
  if (!stream) return jetstream.missing(names[0] as string)
  const seq = start === '' ? choice.seq : stream.seqAt(timeOf(start) ?? 0)
  const isBare = read.flag('no_hdr')
  const answer = (): ApiAnswer => {
    const message = chosen(stream, { ...choice, seq })
    return message ? { message: messageFields(message, isBare) } : noMessageFound
  }
  if (choice.lastBySubject === '' || !isOnItsWay(stream, choice.lastBySubject)) return answer()
  return new Promise(resolve => stream.onReadable(() => resolve(answer())))
}

function messageFields(message: StoredMessage, isBare: boolean): Fields {
  const { subject, seq, headers, payload, timeUs } = message
  return {
    subject,
    seq,
    ...(headers.length > 0 && !isBare && { hdrs: headers.toString('base64') }),
    ...(payload.length > 0 && { data: payload.toString('base64') }),
    time: timeText(timeUs),
  }
}

function deleteMessage(request: ApiRequest): ApiAnswer {
  const { jetstream, names, body } = request
  if (isEmptyRequest(body)) return badRequest
  const fields = readRequest(request, messageDeleteRequest)
  if (isApiError(fields)) return fields
  const read = new FieldReader(fields)
  const seq = read.integer('seq')
  const erase = !read.flag('no_erase')
  const stream = jetstream.stream(names[0] as string)
  if (!stream) return jetstream.missing(names[0] as string)
  if (stream.config.sealed) return streamSealed
  if (stream.config.deny_delete) return messageDeleteFailed('message delete not permitted')
  return stream.remove(seq, erase) ? { success: true } : notDeleted(stream, seq)
}

/** nats-server's file store tells what is outside of the stream from what is a gap in it. */
function notDeleted(stream: Stream, seq: number): ApiError {
  const { firstSeq, lastSeq } = stream.state()
  if (stream.config.storage === 'memory') return sequenceNotFound(seq)
  if (seq > lastSeq) return messageDeleteFailed('stream store EOF')
  return seq < firstSeq ? messageDeleteFailed('no message found') : sequenceNotFound(seq)
}
