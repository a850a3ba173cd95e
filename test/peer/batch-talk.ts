// Conversations with the publish path, held with nats-server and with us: each message has a reply
// of its own, and what comes to any of them is told as `<reply>: <headers>|<payload>`, in the order
// of the messages. (Ours may come in another one: what is stored is told once it is on disk, what
// is refused at once.)

import { headers, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node'
import { blot } from './jetstream-talk.ts'

/** One message: subject, body, headers, reply below the inbox (default: its number; '': none). */
export type Post = readonly [
  subject: string,
  body?: string,
  headers?: Readonly<Record<string, string>>,
  reply?: string,
]

const inbox = '_T'
const answerMsMax = 4000
const barrier = 'BARRIER'

/**
 * Posts all of it to one stream and tells what came back: answers, then what the advisories said. Stream S1 has the subjects `s1.>`.
 */
export async function converse(
  nc: NatsConnection,
  stream: string,
  posts: readonly Post[],
): Promise<string[]> {
  const said: [post: number, line: string][] = []
  const places = new Map<string, number>()
  const advised: string[] = []
  const answers = nc.subscribe(`${inbox}.>`, {
    callback: (_, message) => {
      said.push([places.get(message.subject) ?? 0, shown(message)])
    },
  })
  const advisories = nc.subscribe(`$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.${stream}`, {
    callback: (_, message) => void advised.push(shown(message)),
  })
  await nc.flush()
  let number = 0
  for (const [to, body = '', fields = {}, below = String(number + 1)] of posts) {
    number++
    const reply = below === '' ? '' : `${inbox}.${below}`
    if (!places.has(reply)) places.set(reply, number)
    if (to.startsWith('$JS.')) {
      await settle(nc, stream)
      const answer = await nc.request(to, body, { timeout: answerMsMax })
      said.push([number, told(to, answer)])
      continue
    }
    const names = Object.keys(fields)
    const sent = headers()
    for (const name of names) sent.append(name, fields[name] as string)
    nc.publish(to, body, {
      ...(reply !== '' && { reply }),
      ...(names.length > 0 && { headers: sent }),
    })
  }
  await settle(nc, stream)
  answers.unsubscribe()
  advisories.unsubscribe()
  return [...said.sort((a, b) => a[0] - b[0]).map(([, line]) => line), ...advised]
}

/**
 * Everything said so far has been answered: nats-server answers for a stream in order, and so do
 * we for what is on disk together.
 */
async function settle(nc: NatsConnection, stream: string): Promise<void> {
  const subject = `${stream.toLowerCase()}.z`
  const refused = headers()
  refused.append('Nats-Expected-Stream', 'another one')
  await nc.request(subject, '', { timeout: answerMsMax, headers: refused })
  await nc.request(barrier, '', { timeout: answerMsMax })
}

/** The stream that conversations wait for. */
export async function prepare(nc: NatsConnection): Promise<void> {
  const config = JSON.stringify({ name: barrier, subjects: [barrier] })
  await nc.request(`$JS.API.STREAM.CREATE.${barrier}`, config, { timeout: answerMsMax })
}

/** Of a stream only its state. */
function told(subject: string, answer: Msg): string {
  const { state } = answer.json<{ state?: unknown }>()
  const isInfo = /STREAM\.(INFO|UPDATE)\./.test(subject)
  const text = isInfo ? JSON.stringify({ state }) : answer.string()
  return blotted(`${subject} ${headersOf(answer.headers)}|${text}`)
}

function shown(message: Msg): string {
  const { subject } = message
  const to = subject.startsWith(`${inbox}.`) ? subject.slice(inbox.length + 1) : subject
  return blotted(`${to}: ${headersOf(message.headers)}|${message.string()}`)
}

function headersOf(head: MsgHdrs | undefined): string {
  if (!head) return ''
  const lines = [`${head.code || ''} ${head.description}`.trim()]
  for (const name of head.keys()) lines.push(`${name}: ${head.get(name)}`)
  return lines.join('; ')
}

function blotted(text: string): string {
  return blot(text).replace(/"id":"[\w-]+"/g, '"id":"<id>"')
}
