// How an answer leaves: in the envelope `{server, data | error}`, in the encoding that was asked
// for, and never larger than a message may be.

import type { Account } from '../account/account.ts'
import { toJson } from '../monitor/json.ts'
import { QueryError } from '../monitor/query.ts'
import { encode, encodingFor } from './encoding.ts'
import type { Header } from './header.ts'
import type { SystemHost } from './host.ts'
import { concerns, readOptions, type RequestOptions, type RequestShape } from './options.ts'
import { type Request, requestBytesMax } from './requests.ts'
import { Failure } from './views.ts'
import type { Voice } from './voice.ts'

const badRequest = 400
const failed = 500

/** What a service says: an object, nothing at all, or nothing but that it is done. */
export type Data = object | 'silence' | 'done'

export class Answers {
  readonly #host: SystemHost
  readonly #voice: Voice
  readonly #header: Header

  constructor(host: SystemHost, voice: Voice, header: Header) {
    this.#host = host
    this.#voice = voice
    this.#header = header
  }

  /**
   * Answers with what `show` makes of the options, unless another server is asked. `account` is
   * where the requester is.
   */
  answer(
    request: Request,
    shape: RequestShape,
    show: (options: RequestOptions) => Data | Promise<Data>,
    account = this.#host.account,
  ): void {
    if (request.reply === '') return
    const options = this.read(request, shape, account)
    if (options === null) return
    let data: Data | Promise<Data>
    try {
      data = show(options)
    } catch (error) {
      return this.#failed(request, error, account)
    }
    if (!(data instanceof Promise)) return this.#data(request, data, account)
    data.then(
      done => this.#data(request, done, account),
      error => this.#failed(request, error, account),
    )
  }

  /** null: the request was wrong, and the requester knows, or it is for another server. */
  read(request: Request, shape: RequestShape, account = this.#host.account): RequestOptions | null {
    if (request.isTooLarge) {
      this.error(request, badRequest, `request of more than ${requestBytesMax} bytes`, account)
      return null
    }
    const read = readOptions(request.body, shape)
    if (read.is === 'wrong') {
      this.error(request, badRequest, read.text, account)
      return null
    }
    return concerns(read.options.filter, this.#host) ? read.options : null
  }

  error({ reply }: Request, code: number, description: string, account = this.#host.account): void {
    if (reply === '') return
    const server = this.#header.next()
    this.#voice.say(reply, { server, error: { code, description } }, account)
  }

  /** Without an envelope, as it is. */
  plain({ reply }: Request, body: object): void {
    if (reply !== '') this.#voice.say(reply, body)
  }

  /** A number, as text. */
  count({ reply }: Request, count: number): void {
    if (reply !== '') this.#voice.send(this.#host.account, reply, Buffer.from(String(count)))
  }

  #data(request: Request, data: Data, account: Account): void {
    if (data === 'silence') return
    const { sources } = this.#host
    const body = { server: this.#header.next(), ...(data === 'done' ? {} : { data }) }
    const { payload, headers } = encode(Buffer.from(toJson(body, 0)), encodingFor(request.headers))
    const bytes = payload.length + (headers?.length ?? 0)
    const bytesMax = sources.server.options.max_payload
    if (bytes > bytesMax) {
      const text = `answer of ${bytes} bytes exceeds the maximum payload of ${bytesMax}: ask for less`
      return this.error(request, failed, text, account)
    }
    this.#voice.send(account, request.reply, payload, headers)
  }

  #failed(request: Request, error: unknown, account: Account): void {
    if (!(error instanceof QueryError || error instanceof Failure)) throw error
    this.error(request, failed, error.message, account)
  }
}
