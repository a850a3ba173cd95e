// Messages a second that clients get out of a stream: pulled in batches of 100 with every one
// acknowledged, and as an ordered consumer gets them (pushed, no acks, flow control, heartbeats).
// Raw sockets: an official client in this process would be what limits it.

import { digits, publishes, replyOf, Wire } from './wire.ts'
import { inbox, publishFor } from './acked.ts'
import { median } from './process.ts'
import { newestVersion, startStoring } from './servers.ts'

export interface ConsumingOptions {
  readonly rounds: number
  readonly messages: number
  readonly main: string
}

const payloadBytes = 128
const batch = 100
const loadInFlight = 1024
const stream = 'CONSUME'
const goal = 1
const runMsMax = 120_000

const kinds = { 'pull, batches of 100, acks': pull, 'ordered consumer': ordered } as const

/** Returns what is behind. */
export async function consuming({ rounds, messages, main }: ConsumingOptions): Promise<string[]> {
  const contest = await startStoring(main)
  const { lazy, ours } = contest
  try {
    const title = `messages/s of ${payloadBytes} B consumed, ${messages} in the stream`
    console.log(`${title.padEnd(52)} nats-server ${newestVersion()}    nats-edge     ratio`)
    for (const { port } of [lazy, ours]) await fill(port, messages)
    const behind: string[] = []
    for (const [name, kind] of Object.entries(kinds)) {
      const rates: [number[], number[]] = [[], []]
      for (let round = -1; round < rounds; round++) {
        for (const [at, { port }] of [lazy, ours].entries()) {
          const rate = await measure(port, messages, kind)
          // The first is to warm up.
          if (round >= 0) rates[at]?.push(rate)
        }
      }
      const [theirs = 0, our = 0] = rates.map(median)
      const ratio = our / theirs
      if (ratio < goal) behind.push(`${name}: ${ratio.toFixed(2)}, not ${goal}`)
      const counts = [theirs, our].map(rate => Math.round(rate).toLocaleString('en-US'))
      const cells = counts.map((text, at) => text.padStart(at === 0 ? 17 : 13)).join('')
      console.log(`${name.padEnd(52)} ${cells} ${ratio.toFixed(2).padStart(9)}`)
    }
    return behind
  } finally {
    await contest.stop()
  }
}

async function fill(port: number, messages: number): Promise<void> {
  const wire = await Wire.open(port)
  await wire.api(`STREAM.CREATE.${stream}`, { name: stream, subjects: ['consume.>'] })
  const batches = publishes(
    10_000,
    payloadBytes,
    at => `consume.${digits(at % 100, 2)}`,
    at => `${inbox}.${digits(at, 5)}`,
  )
  await publishFor(wire, { batches, inFlight: loadInFlight }, { ms: runMsMax, count: messages })
  wire.close()
}

type Kind = (wire: Wire, messages: number) => Promise<void>

async function measure(port: number, messages: number, kind: Kind): Promise<number> {
  const wire = await Wire.open(port)
  try {
    const startMs = performance.now()
    await kind(wire, messages)
    return (messages / (performance.now() - startMs)) * 1000
  } finally {
    wire.close()
  }
}

async function pull(wire: Wire, messages: number): Promise<void> {
  const config = { durable_name: 'p', ack_policy: 'explicit', max_ack_pending: -1 }
  await wire.api(`CONSUMER.DURABLE.CREATE.${stream}.p`, { stream_name: stream, config })
  const body = JSON.stringify({ batch, expires: 30_000_000_000 })
  const request = `PUB $JS.API.CONSUMER.MSG.NEXT.${stream}.p pull ${body.length}\r\n${body}\r\n`
  wire.write(`SUB pull p\r\n`)
  await counted(
    wire,
    messages,
    (line, count) => {
      const ack = `PUB ${replyOf(line)} 4\r\n+ACK\r\n`
      return count % batch === 0 && count < messages ? ack + request : ack
    },
    request,
  )
  // The last acks are taken, too.
  for (;;) {
    const info = await wire.api(`CONSUMER.INFO.${stream}.p`)
    if (info.num_ack_pending === 0 && info.num_pending === 0) break
  }
  await wire.api(`CONSUMER.DELETE.${stream}.p`)
}

/** As the official clients make theirs. */
async function ordered(wire: Wire, messages: number): Promise<void> {
  wire.write('SUB deliver d\r\n')
  const config = {
    name: `ordered${Math.random().toString(36).slice(2)}`,
    deliver_subject: 'deliver',
    ack_policy: 'none',
    deliver_policy: 'all',
    max_deliver: 1,
    mem_storage: true,
    num_replicas: 1,
    flow_control: true,
    idle_heartbeat: 5_000_000_000,
    inactive_threshold: 300_000_000_000,
  }
  const made = counted(wire, messages, line => {
    // Flow control asks with a reply and no message; a heartbeat has none.
    if (!line.startsWith('H')) return ''
    const reply = replyOf(line)
    return reply === '' ? '' : `PUB ${reply} 0\r\n\r\n`
  })
  await wire.api(`CONSUMER.CREATE.${stream}.${config.name}`, { stream_name: stream, config })
  await made
  await wire.api(`CONSUMER.DELETE.${stream}.${config.name}`)
}

/** Until so many have come; what `answer` gives is sent, together with all of one read. */
function counted(
  wire: Wire,
  messages: number,
  answer: (line: string, count: number) => string,
  first = '',
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${count} of ${messages} came`)), runMsMax)
    let count = 0
    let answers = ''
    const flush = (): void => {
      wire.write(answers)
      answers = ''
      if (count < messages) return
      clearTimeout(timer)
      wire.onMessage = () => {}
      resolve()
    }
    wire.onEnd = reject
    wire.onMessage = ({ line }) => {
      // What is stored here has no headers: an HMSG is a status.
      if (!line.startsWith('H')) count++
      const text = answer(line, count)
      if (answers === '' && (text !== '' || count === messages)) queueMicrotask(flush)
      answers += text
    }
    if (first !== '') wire.write(first)
  })
}
