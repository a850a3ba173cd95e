// Stories told to nats-server 2.15 and to us: what is said, and what comes back on inboxes. Both
// must tell the same; what is different every time (times, ids of pins and questions) is blotted
// out.

import * as assert from 'uvu/assert'
import { headers, type Msg, type NatsConnection } from '@nats-io/transport-node'
import { pairFor } from '../support/pair.ts'
import { type It, spec } from '../support/spec.ts'
import { ask, blot } from './jetstream-talk.ts'

type Fields = Readonly<Record<string, unknown>>

const waitMsMax = 5000
/** How long it must be quiet before nothing more is believed to come. */
const quietMs = 150

export class Teller {
  readonly nc: NatsConnection
  /** What came back, in order. */
  readonly lines: string[] = []

  constructor(nc: NatsConnection) {
    this.nc = nc
  }

  note(...lines: readonly string[]): void {
    this.lines.push(...lines)
  }

  /** A request of the API whose answer is part of the story. */
  async api(verb: string, body: string | Fields = '', fields?: Record<string, string>) {
    const answer = await this.ask(`$JS.API.${verb}`, body, fields)
    this.note(answer)
    return answer
  }

  /** The same of any subject, not told. */
  async ask(subject: string, body: string | Fields = '', fields?: Record<string, string>) {
    const answer = await ask(this.nc, fields ? [subject, body, fields] : [subject, body])
    return answer.replace(/(Nats-Stream-Identity: )[^|]+/, '$1<id>')
  }

  async stream(name: string, config: Fields = {}): Promise<void> {
    await this.ask(`$JS.API.STREAM.CREATE.${name}`, { name, ...config })
  }

  /** Makes a durable consumer; the answer is part of the story. */
  create(stream: string, name: string, config: Fields = {}, more: Fields = {}): Promise<string> {
    return this.api(`CONSUMER.CREATE.${stream}.${name}`, {
      stream_name: stream,
      config: { durable_name: name, ack_policy: 'explicit', ...config },
      ...more,
    })
  }

  /** Stores messages one after the other. */
  async store(...messages: readonly (readonly [subject: string, body: string])[]): Promise<void> {
    for (const [subject, body] of messages) await this.nc.request(subject, body)
  }

  /** Delivered, floor, and the counts of a consumer. */
  async figures(stream: string, name: string): Promise<void> {
    const info = await this.info(stream, name)
    const { delivered, ack_floor } = info as Record<string, Record<string, number>>
    this.note(
      [
        `${name}:`,
        `${delivered?.consumer_seq}/${delivered?.stream_seq}`,
        `${ack_floor?.consumer_seq}/${ack_floor?.stream_seq}`,
        `ack ${info.num_ack_pending} again ${info.num_redelivered}`,
        `waiting ${info.num_waiting} left ${info.num_pending}`,
      ].join(' '),
    )
  }

  async info(stream: string, name: string): Promise<Record<string, unknown>> {
    const answer = await this.nc.request(`$JS.API.CONSUMER.INFO.${stream}.${name}`)
    return answer.json<Record<string, unknown>>()
  }

  listen(subject: string, queue = ''): StoryInbox {
    return new StoryInbox(this, subject, queue)
  }

  pull(stream: string, name: string, inbox: StoryInbox, body: string | Fields = ''): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`
    this.nc.publish(subject, text, { reply: inbox.subject })
  }

  say(subject: string, body = '', fields: Record<string, string> = {}, reply?: string): void {
    const sent = headers()
    for (const [name, value] of Object.entries(fields)) sent.append(name, value)
    const isBare = Object.keys(fields).length === 0
    this.nc.publish(subject, body, { ...(!isBare && { headers: sent }), ...(reply && { reply }) })
  }
}

export class StoryInbox {
  readonly subject: string
  readonly #teller: Teller
  readonly #got: Msg[] = []
  readonly #subscription
  #told = 0

  constructor(teller: Teller, subject: string, queue: string) {
    this.subject = subject
    this.#teller = teller
    this.#subscription = teller.nc.subscribe(subject, {
      ...(queue && { queue }),
      callback: (_error, message) => void this.#got.push(message),
    })
  }

  /** Tells the next `count` messages; fewer only when no more come. Returns them. */
  async take(count: number): Promise<readonly Msg[]> {
    const until = Date.now() + waitMsMax
    while (this.#got.length < this.#told + count && Date.now() < until) await sleep(5)
    const messages = this.#got.slice(this.#told, this.#told + count)
    this.#told += messages.length
    for (const message of messages) this.#teller.note(`${this.subject}< ${textOf(message)}`)
    if (messages.length < count) this.#teller.note(`${this.subject}: no more`)
    return messages
  }

  /** Tells what else comes until it is quiet. */
  async rest(): Promise<readonly Msg[]> {
    await this.#teller.nc.flush()
    for (let seen = -1; seen !== this.#got.length; await sleep(quietMs)) seen = this.#got.length
    const messages = await this.take(this.#got.length - this.#told)
    this.#teller.note(`${this.subject}: quiet`)
    return messages
  }

  close(): void {
    this.#subscription.unsubscribe()
  }
}

export const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** `subject ack status; headers|payload`, with what changes blotted out. */
function textOf(message: Msg): string {
  const head = message.headers
  const lines = head && head.code > 0 ? [`${head.code} ${head.description}`] : []
  for (const name of head?.keys() ?? []) lines.push(`${name}: ${head?.get(name)}`)
  const text = `${message.subject} ${message.reply ?? ''} ${lines.join('; ')}|${message.string()}`
  return blotIds(blot(text))
}

export function blotIds(text: string): string {
  return text
    .replace(/\$JS\.ACK\.(\S+)\.\d{16,}\.(\d+)/g, '$1.T.$2')
    .replace(/(\$JS\.FC\.\w+\.\w+\.)\w+/g, '$1<id>')
    .replace(/(Nats-Pin-Id: )\w+/g, '$1<pin>')
    .replace(/("id":)"[\w-]{22}"/g, '$1"<id>"')
    .replace(/("(?:pinned_id|pinned_client_id)":)"\w+"/g, '$1"<pin>"')
    .replace(/("pause_remaining":)\d+/g, '$1<ns>')
}

export type Story = (it: (title: string, tell: (teller: Teller) => Promise<void>) => void) => void

/** Each story is told to both; they must answer the same. */
export function stories(name: string, define: Story): void {
  spec(name, (it: It, hooks) => {
    const pair = pairFor(hooks, 'newest')
    define((title, tell) =>
      it(title, async () => {
        const [theirs, ours] = [new Teller(pair.theirs), new Teller(pair.ours)]
        await Promise.all([tell(theirs), tell(ours)])
        assert.equal(ours.lines, theirs.lines)
      }))
  })
}
