// The API's front: requests of one account on `$JS.API.>`, handed to the row of their verb and
// answered, audited and counted the same way for all (reference 6.1).

import { headersOf, newSubscription, payloadOf, post } from '../../../src/broker/post.ts'
import type { LocalSink, Message, Subscription } from '../../../src/message.ts'
import { isDiskError } from '../disk-error.ts'
import { requiredApiLevel, storeFailed, streamGeneral } from '../errors.ts'
import { jetstreamOrigin } from '../replies.ts'
import type { Durable } from '../shapes.ts'
import type { Streams } from '../streams.ts'
import { apiPrefix, type Dispatch } from './dispatch.ts'
import { demandsMore } from './level.ts'
import type { ApiQueue } from './queue.ts'
import {
  answerHeaders,
  type ApiAnswer,
  type ApiRequest,
  type ApiRow,
  isApiError,
  type StreamAdmin,
} from './request.ts'
import { json } from './text.ts'

/** Subjects that streams and consumers subscribe to themselves: nobody there means 503. */
const realSubscriptions = ['$JS.API.CONSUMER.MSG.NEXT.', '$JS.API.DIRECT.GET.'] as const

const nothing = Buffer.alloc(0)

export class ApiServer implements LocalSink {
  readonly remote = false
  readonly isService = true
  readonly #streams: Streams
  readonly #dispatch: Dispatch<StreamAdmin>
  readonly #durable: Durable
  readonly #queue: ApiQueue
  readonly #subscription: Subscription
  readonly #tellDropped = (dropped: number): void => {
    this.#streams.advise('API.LIMIT_REACHED', 'api_limit_reached', () => ({
      server: this.#streams.serverName,
      dropped,
    }))
  }

  constructor(
    streams: Streams,
    dispatch: Dispatch<StreamAdmin>,
    durable: Durable,
    queue: ApiQueue,
  ) {
    this.#streams = streams
    this.#dispatch = dispatch
    this.#durable = durable
    this.#queue = queue
    this.#subscription = newSubscription(`${apiPrefix}>`, this)
  }

  start(): void {
    this.#streams.account.subscribe(this.#subscription)
  }

  close(): void {
    this.#streams.account.unsubscribe(this.#subscription)
  }

  deliver(message: Message): void {
    const subject = message.target
    if (realSubscriptions.some(prefix => subject.startsWith(prefix))) {
      if (this.#isAlone(message)) this.#streams.replies.sendStatus(message.reply, '503')
      return
    }
    const found = this.#dispatch.find(subject)
    if (found === null) return
    const { row, names } = found
    if (this.#queue.isFull) {
      this.#queue.drop(this.#tellDropped)
      return
    }
    const body = payloadOf(message)
    const { sick } = this.#durable
    if (row.writes && sick) {
      this.#answer(row, subject, message.reply, body.toString(), storeFailed(sick.message))
      return
    }
    const request = row.quiet ? '' : body.toString()
    if (demandsMore(headersOf(message))) {
      this.#answer(row, subject, message.reply, request, requiredApiLevel)
      return
    }
    const answer = attempt(row, {
      jetstream: this.#streams,
      subject,
      names,
      reply: message.reply,
      headers: headersOf(message),
      body,
    })
    const { reply } = message
    if (answer instanceof Promise) {
      this.#queue.inflight++
      void answer.then(late => {
        this.#queue.inflight--
        this.#handled(row, subject, reply, request, late)
      })
    } else this.#handled(row, subject, reply, request, answer)
  }

  /** What a handler wrote is on disk before anybody hears of it. */
  #handled(
    row: ApiRow<StreamAdmin>,
    subject: string,
    reply: string,
    request: string,
    answer: ApiAnswer,
  ): void {
    if (answer === null) return
    if (!row.writes || isApiError(answer)) {
      this.#answer(row, subject, reply, request, answer)
      return
    }
    this.#queue.inflight++
    this.#durable.onDisk(error => {
      this.#queue.inflight--
      if (error) this.#streams.recheck()
      const outcome = error ? streamGeneral(error.message) : answer
      this.#answer(row, subject, reply, request, outcome)
    })
  }

  /** Asked of nobody but us, by somebody who waits for an answer. */
  #isAlone({ reply, match }: Message): boolean {
    return reply !== '' && match !== null && match.plain.length === 1 && match.groups.length === 0
  }

  #answer(
    row: ApiRow<StreamAdmin>,
    subject: string,
    reply: string,
    request: string,
    answer: Exclude<ApiAnswer, null>,
  ): void {
    const streams = this.#streams
    const failed = isApiError(answer)
    const type = `io.nats.jetstream.api.v1.${row.type}`
    const response = json(failed ? { type, error: answer, ...row.onError } : { type, ...answer })
    if (failed) streams.errors++
    if (failed || !row.quiet) streams.requests++
    if (reply !== '') {
      const payload = Buffer.from(response)
      const headers = (answer as { readonly [answerHeaders]?: Buffer })[answerHeaders] ?? nothing
      post(streams.account, jetstreamOrigin, { subject: reply, headers, payload })
    }
    if (row.quiet) return
    streams.advise('API', 'api_audit', () => ({
      server: streams.serverName,
      client: { acc: streams.account.name },
      subject,
      ...(request !== '' && { request }),
      response,
    }))
  }
}

/** A disk that fails in the middle of a write is an answer; the commit group sees to the rest. */
function attempt(
  row: ApiRow<StreamAdmin>,
  request: ApiRequest<StreamAdmin>,
): ApiAnswer | Promise<ApiAnswer> {
  try {
    const answer = row.handle(request)
    return answer instanceof Promise ? answer.catch(refusedByDisk) : answer
  } catch (error) {
    return refusedByDisk(error)
  }
}

function refusedByDisk(error: unknown): ApiAnswer {
  if (!isDiskError(error)) throw error
  return storeFailed(error.message)
}
