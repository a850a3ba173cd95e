// Rows that each provoke one error code: what is said before, and last what is refused. They are
// said to nats-server and to us; both must answer the same, with the code (reference 6.13).

import { headers, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import type { It } from '../../support/spec.ts'
import { ask, askToMake, blot, type Say } from '../jetstream-talk.ts'

/** A request; with `below`, its reply is an inbox with that at its end (fast batches, ADR-50). */
export type Step = Say | readonly [...Say, below: string]

export type Row = readonly [errCode: number, ...steps: readonly Step[]]

export interface Both {
  readonly theirs: NatsConnection
  readonly ours: NatsConnection
}

type Fields = Readonly<Record<string, unknown>>

export const api = '$JS.API.'
export const second = 1_000_000_000
const answerMsMax = 2000

/** Stream X on `x.>`, unless the config has its own subjects or none. */
export function stream(config: Fields = {}, name = 'X'): Say {
  const isFed = config.mirror !== undefined || config.sources !== undefined
  const subjects = isFed ? {} : { subjects: [`${name.toLowerCase()}.>`] }
  return [`${api}STREAM.CREATE.${name}`, { name, ...subjects, ...config }]
}

export const update = (config: Fields, name = 'X'): Say => {
  const [, body] = stream(config, name)
  return [`${api}STREAM.UPDATE.${name}`, body as Fields]
}

/** `CONSUMER.CREATE.X.<name>`. */
export const consumer = (config: Fields = {}, more: Fields = {}, name = 'c'): Say => [
  `${api}CONSUMER.CREATE.X.${name}`,
  { stream_name: 'X', config: { name, ack_policy: 'explicit', ...config }, ...more },
]

export const push = (config: Fields = {}): Say => consumer({ deliver_subject: 'd', ...config })

/** A case for each row; the streams of one are gone before the next. */
export function provoke(it: It, rows: readonly Row[], both: Both): void {
  for (const [code, ...steps] of rows) {
    it(String(code), async () => {
      const [theirs, ours] = await Promise.all([say(both.theirs, steps), say(both.ours, steps)])
      assert.ok(theirs.includes(`"err_code":${code},`), `nats-server: ${theirs.slice(0, 300)}`)
      assert.is(ours, theirs)
    })
  }
}

/** The last answer. */
async function say(nc: NatsConnection, steps: readonly Step[]): Promise<string> {
  await clear(nc)
  let answer = ''
  for (const step of steps) {
    const [subject, body = '', fields = {}, below = ''] = step
    const isLast = step === steps.at(-1)
    if (below === '') {
      const isQuiet = !isLast && !subject.startsWith(api)
      const isMaking = !isLast && subject.includes('.CREATE.')
      answer = isMaking
        ? await askToMake(nc, [subject, body, fields])
        : await ask(nc, [subject, body, fields], isQuiet)
    } else {
      answer = await tell(nc, subject, fields as Readonly<Record<string, string>>, below)
    }
  }
  return answer.replace(/(identity does not match: )[^"]+/, '$1<id>')
}

async function clear(nc: NatsConnection): Promise<void> {
  const answer = await ask(nc, [`${api}STREAM.NAMES`])
  // An account without JetStream has nobody there.
  if (!answer.startsWith('|')) return
  const { streams } = JSON.parse(answer.slice(1)) as { streams?: string[] | null }
  for (const name of streams ?? []) await ask(nc, [`${api}STREAM.DELETE.${name}`])
}

/** The first that comes to the reply. */
async function tell(
  nc: NatsConnection,
  subject: string,
  fields: Readonly<Record<string, string>>,
  below: string,
): Promise<string> {
  const inbox = `_E.${Math.random().toString(36).slice(2)}`
  const subscription = nc.subscribe(`${inbox}.>`, { max: 1, timeout: answerMsMax })
  const sent = headers()
  for (const [name, value] of Object.entries(fields)) sent.append(name, value)
  nc.publish(subject, 'x', { reply: `${inbox}.${below}`, headers: sent })
  for await (const message of subscription) return blot(message.string())
  return 'silence'
}
