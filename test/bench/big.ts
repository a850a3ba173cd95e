// A stream of ten million small messages with 100,000 subjects: what its size costs. Loading it;
// the server's start; its memory; the last message of a subject; a filtered consumer that starts
// in the middle.

import { inbox, publishFor } from './acked.ts'
import { median, rssAnonKib } from './process.ts'
import { newestVersion, type StoringContender, startStoring } from './servers.ts'
import { digits, publishes, replyOf, Wire } from './wire.ts'

export interface BigOptions {
  readonly messages: number
  readonly main: string
}

const subjectCount = 100_000
/** `big.<site>.<device>`, so that a wildcard finds a hundredth of them. */
const siteCount = 100
const payloadBytes = 32
const inFlight = 4096
const loadMsMax = 1_800_000
const getCount = 500
const goals = { startMs: 1000, memoryMib: 64, getMs: 1, consumerMs: 50 }

interface Measured {
  readonly perSecond: number
  readonly startMs: number
  readonly memoryMib: number
  readonly getMs: number
  readonly directMs: number
  readonly consumerMs: number
  readonly wildcardMs: number
  readonly wrong: readonly string[]
}

/** Returns what is behind. */
export async function big({ messages, main }: BigOptions): Promise<string[]> {
  const contest = await startStoring(main)
  try {
    const theirs = await measure(contest.lazy, messages)
    const ours = await measure(contest.ours, messages)
    const many = messages.toLocaleString('en-US')
    console.log(`${many} messages of ${payloadBytes} B, ${subjectCount} subjects`)
    console.log(row('', `nats-server ${newestVersion()}`, 'nats-edge'))
    const lines = [
      ['loaded, messages/s, acknowledged', 'perSecond', Number.POSITIVE_INFINITY],
      ['start until ready, ms', 'startMs', goals.startMs],
      ['anonymous memory after all this, MiB', 'memoryMib', goals.memoryMib],
      ['last of a subject, ms', 'getMs', goals.getMs],
      ['the same, direct get, ms', 'directMs', goals.getMs],
      ['consumer of a subject from the middle, ms', 'consumerMs', goals.consumerMs],
      ['consumer of 1,000 subjects from the middle, ms', 'wildcardMs', Number.POSITIVE_INFINITY],
    ] as const
    const behind = [...ours.wrong]
    for (const [name, field, most] of lines) {
      console.log(row(name, ...[theirs[field], ours[field]].map(shown)))
      if (ours[field] > most) behind.push(`big stream: ${name}: ${shown(ours[field])}, not ${most}`)
    }
    return behind
  } finally {
    await contest.stop()
  }
}

async function measure(server: StoringContender, messages: number): Promise<Measured> {
  const perSecond = await load(server.port, messages)
  const beforeMs = performance.now()
  await server.restart()
  const startMs = performance.now() - beforeMs
  const wire = await Wire.open(server.port)
  try {
    const wrong: string[] = []
    const getMs = await timed(at => wire.api('STREAM.MSG.GET.BIG', { last_by_subj: subjectOf(at) }))
    const directMs = await timed(at =>
      wire.request(`$JS.API.DIRECT.GET.BIG.${subjectOf(at + getCount)}`),
    )
    const half = messages / 2
    const perSubject = half / subjectCount
    const of = (filter: string, count: number) => consumerFrom(wire, filter, half + 1, count, wrong)
    const consumerMs = await of(subjectOf(77_077), perSubject)
    const wildcardMs = await of('big.42.*', perSubject * (subjectCount / siteCount))
    const memoryMib = rssAnonKib(server.pid) / 1024
    return { perSecond, startMs, memoryMib, getMs, directMs, consumerMs, wildcardMs, wrong }
  } finally {
    wire.close()
  }
}

async function load(port: number, messages: number): Promise<number> {
  const wire = await Wire.open(port)
  try {
    const config = { name: 'BIG', subjects: ['big.>'], allow_direct: true, duplicate_window: 1e8 }
    await wire.api('STREAM.CREATE.BIG', config)
    const reply = (at: number): string => `${inbox}.${digits(at, 5)}`
    const batches = publishes(subjectCount, payloadBytes, subjectOf, reply)
    const until = { ms: loadMsMax, count: messages }
    const { acked, elapsedMs } = await publishFor(wire, { batches, inFlight }, until)
    return (acked / elapsedMs) * 1000
  } finally {
    wire.close()
  }
}

/** The median of many requests, each about another subject. */
async function timed(ask: (at: number) => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < getCount; i++) {
    const beforeMs = performance.now()
    await ask((i * 7919 + 13) % subjectCount)
    times.push(performance.now() - beforeMs)
  }
  return median(times)
}

/** From the request that makes the consumer until its first message is here. */
async function consumerFrom(
  wire: Wire,
  filter: string,
  seq: number,
  expected: number,
  wrong: string[],
): Promise<number> {
  const name = `from${seq}x${expected}`
  const config = {
    durable_name: name,
    ack_policy: 'explicit',
    filter_subject: filter,
    deliver_policy: 'by_start_sequence',
    opt_start_seq: seq,
  }
  wire.write('SUB big.first f\r\n')
  await wire.sync()
  const beforeMs = performance.now()
  const made = await wire.api(`CONSUMER.DURABLE.CREATE.BIG.${name}`, {
    stream_name: 'BIG',
    config,
  })
  const first = new Promise<string>(resolve => {
    wire.onMessage = ({ line }) => resolve(line)
  })
  wire.write(`PUB $JS.API.CONSUMER.MSG.NEXT.BIG.${name} big.first 1\r\n1\r\n`)
  // `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`
  const tokens = replyOf(await first).split('.')
  const tookMs = performance.now() - beforeMs
  const pending = Number(tokens[8])
  if (made.num_pending !== expected || pending !== expected - 1) {
    wrong.push(`${filter}: ${made.num_pending}, then ${pending} pending, not ${expected}`)
  }
  if (Number(tokens[5]) < seq) wrong.push(`${filter}: began at ${tokens[5]}, not at ${seq}`)
  await wire.api(`CONSUMER.DELETE.BIG.${name}`)
  return tookMs
}

/** All of one length. */
function subjectOf(at: number): string {
  const subject = at % subjectCount
  return `big.${digits(subject % siteCount, 2)}.${digits(subject, 5)}`
}

function shown(value: number): string {
  return value >= 1000
    ? Math.round(value).toLocaleString('en-US')
    : value.toFixed(value < 10 ? 2 : 0)
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(48) + cells.map(cell => cell.padStart(20)).join('')
}
