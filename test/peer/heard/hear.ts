// Rows that each let something be heard: a status, a header. They are told to nats-server and to
// us; the first line that has it must be the same (reference 6.5, 6.6).

import { headers, type Msg, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import type { It } from '../../support/spec.ts'
import { ask, askToMake, blot, type Say } from '../jetstream-talk.ts'

/** Published without waiting; answers go to the inbox that is listened to. */
interface Post {
  readonly post: Say
}

/** Asked again until what must be heard is in the answer. */
interface Poll {
  readonly poll: Say
}

/** What was heard: a `Nats-Pin-Id` stands for `$PIN`, a reply for `$REPLY` and `$LONG_REPLY`. */
export type Step = Say | Post | Poll

/** What must be heard; with a title where that is not one. */
export type Row = readonly [heard: string | Titled, ...steps: readonly Step[]]

export interface Titled {
  readonly title: string
  readonly text: string
}

export interface Both {
  readonly theirs: NatsConnection
  readonly ours: NatsConnection
}

type Fields = Readonly<Record<string, unknown>>

export const api = '$JS.API.'
export const ms = 1_000_000
const inbox = '_H'
/** Consumers push to `deliver.x`, republished comes `deliver.x.a`. */
export const deliveries = 'deliver'
const heardMsMax = 4000
const events = '$JS.EVENT.'

/** Stream X on `x.>` with direct gets. */
export const stream = (config: Fields = {}, name = 'X'): Say => {
  const subjects = config.sources ? {} : { subjects: [`${name.toLowerCase()}.>`] }
  return [`${api}STREAM.CREATE.${name}`, { name, allow_direct: true, ...subjects, ...config }]
}

export const consumer = (config: Fields = {}): Say => [
  `${api}CONSUMER.CREATE.X.c`,
  { stream_name: 'X', config: { name: 'c', ack_policy: 'explicit', ...config } },
]

export const push = (config: Fields = {}): Say =>
  consumer({ deliver_subject: `${deliveries}.x`, ...config })

export const store = (fields: Readonly<Record<string, string>> = {}, body = 'body'): Say => [
  'x.a',
  body,
  fields,
]

export const pull = (body: Fields = {}, fields: Readonly<Record<string, string>> = {}): Post => ({
  post: [`${api}CONSUMER.MSG.NEXT.X.c`, body, fields],
})

/** What is last on `x.a`, as it is stored. */
export const last: Say = [`${api}DIRECT.GET.X.x.a`]
export const direct = (body: Fields | string): Post => ({ post: [`${api}DIRECT.GET.X`, body] })

/** A case for each row; the streams of one are gone before the next. */
export function hear(it: It, rows: readonly Row[], both: Both): void {
  for (const [heard, ...steps] of rows) {
    const { title, text } = typeof heard === 'string' ? { title: heard, text: heard } : heard
    it(title, async () => {
      const [theirs, ours] = await Promise.all([
        new Ear(both.theirs, text).listen(steps),
        new Ear(both.ours, text).listen(steps),
      ])
      assert.ok(theirs.includes(text), `nats-server: ${theirs}`)
      assert.is(ours, theirs)
    })
  }
}

class Ear {
  readonly #nc: NatsConnection
  readonly #text: string
  readonly #lines: string[] = []
  #pin = ''
  #reply = ''
  #found: ((line: string) => void) | null = null

  constructor(nc: NatsConnection, text: string) {
    this.#nc = nc
    this.#text = text
  }

  /** The first line with the text; all lines when none has it. */
  async listen(steps: readonly Step[]): Promise<string> {
    await clear(this.#nc)
    const found = new Promise<string>(resolve => {
      this.#found = resolve
    })
    const subjects = [inbox, `${deliveries}.x`, `${deliveries}.x.a`]
    if (this.#text.startsWith(events)) subjects.push(`${events}>`)
    const subscriptions = subjects.map(subject =>
      this.#nc.subscribe(subject, { callback: (_, message) => this.#heard(message) }),
    )
    await this.#nc.flush()
    for (const step of steps) await this.#take(step)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string>(resolve => {
      timer = setTimeout(() => resolve(this.#lines.join('\n')), heardMsMax)
    })
    const line = await Promise.race([found, late])
    clearTimeout(timer)
    for (const subscription of subscriptions) subscription.unsubscribe()
    return line
  }

  async #take(step: Step): Promise<void> {
    const text = JSON.stringify(step)
    if (text.includes('$PIN')) await this.#until(() => this.#pin !== '')
    if (text.includes('REPLY')) await this.#until(() => this.#reply !== '')
    if ('poll' in step) {
      const endMs = Date.now() + heardMsMax
      let answer = ''
      do answer = await ask(this.#nc, step.poll)
      while (!answer.includes(this.#text) && Date.now() < endMs)
      return this.#note(answer)
    }
    if (!('post' in step)) {
      const isMaking = step[0].includes('.CREATE.')
      return this.#note(await (isMaking ? askToMake : ask)(this.#nc, this.#filled(step)))
    }
    const [subject, body, fields = {}] = this.#filled(step.post)
    const sent = headers()
    for (const [name, value] of Object.entries(fields)) sent.append(name, value)
    const hasFields = Object.keys(fields).length > 0
    this.#nc.publish(subject, typeof body === 'string' ? body : JSON.stringify(body), {
      reply: inbox,
      ...(hasFields && { headers: sent }),
    })
    await this.#nc.flush()
  }

  /** What follows refers to what is delivered. */
  async #until(isHeard: () => boolean): Promise<void> {
    const endMs = Date.now() + heardMsMax
    while (!isHeard() && Date.now() < endMs) await this.#nc.flush()
  }

  #filled([subject, body = '', fields = {}]: Say): Say {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    // The other form of a reply, of 11 tokens: no domain, the hash of account $G.
    const long = this.#reply.replace('$JS.ACK.', '$JS.ACK._.szMpdrwD.')
    const to = subject.replace('$LONG_REPLY', long).replace('$REPLY', this.#reply)
    return [to, text.replace('$PIN', this.#pin), fields]
  }

  #heard(message: Msg): void {
    const { headers: head, reply = '' } = message
    const lines = head ? [`${head.code || ''} ${head.description}`.trim()] : []
    for (const name of head?.keys() ?? []) {
      const value = head?.get(name) ?? ''
      if (name === 'Nats-Pin-Id') this.#pin = value
      lines.push(`${name}: ${value}`)
    }
    if (reply.startsWith('$JS.ACK.')) this.#reply = reply
    const { subject } = message
    const isEvent = subject.startsWith(events)
    const body = isEvent ? event(message) : message.string()
    this.#note(blot(`${subject} ${lines.join('; ')}|${body}`))
  }

  #note(line: string): void {
    const plain = line
      .replace(/(Nats-Pin-Id: |Nats-Stream-Identity: )[^;|]+/g, '$1<id>')
      .replace(/(Nats-Stream-Source: O 1 > > o.a )\w+/g, '$1<id>')
      .replace(/(RESTORE\.X\.)\w+/g, '$1<id>')
      .replace(/(\$JS\.FC\.X\.c\.)\w+/g, '$1<id>')
    this.#lines.push(plain)
    if (plain.includes(this.#text)) this.#found?.(plain)
  }
}

/** Who asked is told more fully by nats-server, and who tells is another one. */
function event(message: Msg): string {
  const fields = message.json<Record<string, unknown>>()
  const own = { id: '', timestamp: '', client: {}, server: '', ack_time: 0, pinned_id: '' }
  for (const [name, value] of Object.entries(own)) if (name in fields) fields[name] = value
  return JSON.stringify(fields).replace(/("(?:start|end)":)"[^"]*"/g, '$1""')
}

async function clear(nc: NatsConnection): Promise<void> {
  const names = await nc.request(`${api}STREAM.NAMES`, '', { timeout: heardMsMax })
  for (const name of names.json<{ streams: string[] | null }>().streams ?? []) {
    await nc.request(`${api}STREAM.DELETE.${name}`, '', { timeout: heardMsMax })
  }
}
