// Conversations with the JetStream API, held with nats-server and with us; the answers must be
// the same once what is different every time (times, names of servers, ids) is blotted out.

import { headers, type NatsConnection } from '@nats-io/transport-node'

/** One request: subject, body (an object goes as JSON), headers. */
export type Say = readonly [
  subject: string,
  body?: string | Readonly<Record<string, unknown>>,
  headers?: Readonly<Record<string, string>>,
]

const answerMsMax = 2000
/** How long silence must last to count as no answer. */
const silenceMs = 300

const triesMax = 20
const tryAgainMs = 50

/**
 * What came back: `<status line and headers>|<payload>`, 'no responders' or 'silence'. Asks once
 * more when nats-server could not make a store: files of a stream of that name that was just
 * deleted are in its way now and then.
 */
export async function ask(nc: NatsConnection, say: Say, quiet = false): Promise<string> {
  for (let tries = 1; ; tries++) {
    const answer = await askOnce(nc, say, quiet)
    if (tries === triesMax || !answer.includes('error creating store for stream')) return answer
    await new Promise(resolve => setTimeout(resolve, tryAgainMs))
  }
}

async function askOnce(nc: NatsConnection, say: Say, quiet: boolean): Promise<string> {
  const [subject, body = '', fields = {}] = say
  const names = Object.keys(fields)
  const sent = headers()
  for (const name of names) sent.append(name, fields[name] as string)
  try {
    const answer = await nc.request(
      subject,
      typeof body === 'string' ? body : JSON.stringify(body),
      {
        timeout: quiet ? silenceMs : answerMsMax,
        ...(names.length > 0 && { headers: sent }),
      },
    )
    const head = answer.headers
    const lines = head ? [`${head.code || ''} ${head.description}`.trim()] : []
    for (const name of head?.keys() ?? []) lines.push(`${name}: ${head?.get(name)}`)
    return blot(`${lines.join('; ')}|${answer.string()}`)
  } catch (error) {
    const { name } = error as Error
    if (name === 'TimeoutError') return 'silence'
    if (name === 'NoRespondersError' || /no responders/.test(String(error))) return 'no responders'
    throw error
  }
}

/**
 * The same, once more also when nats-server says otherwise that it cannot make a stream just now.
 */
export async function askToMake(nc: NatsConnection, say: Say): Promise<string> {
  for (let tries = 1; ; tries++) {
    const answer = await ask(nc, say)
    if (tries === triesMax || !/"error":\{"code":50[03]/.test(answer)) return answer
    await new Promise(resolve => setTimeout(resolve, tryAgainMs))
  }
}

/** Times, server names and random ids replaced. */
export function blot(text: string): string {
  return (
    text
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, time => (time.startsWith('0001') ? time : '<time>'))
      // Of a stream whose messages are all gone nobody needs the first one's time.
      .replace(/("messages":0,"bytes":0,"first_seq":\d+,"first_ts":)"[^"]*"/g, '$1"<none>"')
      .replace(/(\\?"leader\\?":\\?")\w*/g, '$1<name>')
      .replace(/"reserved_(memory|storage)":\d+/g, '"reserved_$1":0')
      .replace(/"api":\{"level":\d+,"total":\d+,"errors":\d+\}/g, '"api":{}')
      // The newest nats-server has a level of its own.
      .replace(/(\\*"_nats\.(?:level|ver)\\*":\\*")[\d.]+/g, '$1<ours>')
  )
}
