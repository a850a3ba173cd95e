// `$JS.API.CONSUMER.RESET.<stream>.<consumer>` (2.14, ADR-60): a real subscription of its
// consumer, as MSG.NEXT is. The answer leaves once the reset is on disk, so that no crash brings
// back what the asker believes to be forgotten (keeps invariant 1).

import { headersOf, payloadOf, post } from '../../../src/broker/post.ts'
import type { Message } from '../../../src/message.ts'
import { demandsMore } from '../api/level.ts'
import { readLoosely } from '../api/read.ts'
import { isApiError, type JetStreamAccount } from '../api/request.ts'
import { FieldReader, type Fields, json } from '../api/text.ts'
import { invalidJson, requiredApiLevel, streamGeneral } from '../errors.ts'
import { identityHeaders, identityOf } from '../identity.ts'
import type { ApiError } from '../shapes.ts'
import type { Consumer } from './consumer.ts'
import { resetInvalid } from './errors.ts'
import { infoFields } from './info.ts'
import { jetstreamOrigin } from './sender.ts'
import { consumerResetRequest } from './shape.ts'

/** The room, as a reset sees it. */
export interface ResetRoom {
  reset(consumer: Consumer, seq: number): number | string
  nowUs(): number
  onDisk(consumer: Consumer, done: (error?: Error) => void): void
}

const type = 'io.nats.jetstream.api.v1.consumer_reset_response'

export function answerReset(
  room: ResetRoom,
  consumer: Consumer,
  message: Message,
  jetstream: JetStreamAccount,
): void {
  const { reply } = message
  if (reply === '' || consumer.closed) return
  const asksWho = /\r\nNats-Stream-Identity:/i.test(headersOf(message).toString('latin1'))
  const headers = asksWho ? identityHeaders(identityOf(consumer.stream)) : Buffer.alloc(0)
  const send = (fields: Fields): void => {
    const payload = Buffer.from(json(fields))
    post(jetstream.account, jetstreamOrigin, { subject: reply, headers, payload })
  }
  const refuse = (error: ApiError): void => send({ type, error, reset_seq: 0 })
  if (demandsMore(headersOf(message))) return refuse(requiredApiLevel)
  const body = payloadOf(message)
  const fields = body.length === 0 ? {} : readLoosely(body, consumerResetRequest)
  if (isApiError(fields)) return refuse(fields)
  const seq = new FieldReader(fields).integer('seq')
  if (!Number.isSafeInteger(seq)) return refuse(invalidJson('seq is too large'))
  const target = room.reset(consumer, seq)
  if (typeof target === 'string') return refuse(resetInvalid(target))
  room.onDisk(consumer, error => {
    if (error) refuse(streamGeneral(error.message))
    else send({ type, ...infoFields(consumer, room.nowUs()), reset_seq: target })
  })
}
