// Who waits while the store is busy: a core message from publisher to subscriber, and an
// acknowledged publish into another stream, during publishing at full depth, purges, a deletion,
// an expiry, and the checkpoints that follow from them.

import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { program } from '../support/peers.ts'
import { inbox, publishFor } from './acked.ts'
import { cores } from './process.ts'
import { newestVersion, startStoring } from './servers.ts'
import { digits, publishes, Wire } from './wire.ts'

export interface CalmOptions {
  /** In the stream that is purged, deleted, and in the one that expires. */
  readonly messages: number
  readonly main: string
}

interface Waits {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

interface Measured {
  readonly core: Waits
  readonly acked: Waits | null
}

/** No core message waits longer for the store. */
const coreMsMax = 20
const bigPayloadBytes = 1024
const ageMs = 6000
const expiryMsMax = 15_000
const fullDepth = 4096
const fullMs = 3000
const trickleInFlight = 16
/** Until the probe's own code is warm. */
const beforeMs = 500
/** What a busy store does behind its answers: checkpoints, free pages given back. */
const afterMs = 2000

interface Scene {
  readonly name: string
  /** Before anybody is watched. */
  readonly prepare?: (wire: Wire, messages: number) => Promise<void>
  readonly run: (wire: Wire) => Promise<unknown>
  readonly isTrickling: boolean
}

const scenes: readonly Scene[] = [
  { name: 'nothing else', run: () => rest(afterMs), isTrickling: true },
  { name: `${fullDepth} publishes in flight`, run: publishDeep, isTrickling: false },
  {
    name: 'purge of all',
    prepare: (wire, messages) => fill(wire, 'BIG', messages, bigPayloadBytes),
    run: wire => wire.api('STREAM.PURGE.BIG'),
    isTrickling: true,
  },
  {
    name: 'purge of half, by subject',
    prepare: (wire, messages) => fill(wire, 'BIG', messages, bigPayloadBytes),
    run: wire => wire.api('STREAM.PURGE.BIG', { filter: 'BIG.*.1' }),
    isTrickling: true,
  },
  {
    name: 'deletion of the stream',
    prepare: (wire, messages) => fill(wire, 'BIG', messages, bigPayloadBytes),
    run: wire => wire.api('STREAM.DELETE.BIG'),
    isTrickling: true,
  },
  {
    name: 'expiry of as many messages',
    prepare: (wire, messages) => fill(wire, 'OLD', messages, 128, { max_age: ageMs * 1e6 }),
    run: expired,
    isTrickling: true,
  },
]

/** Returns what waited too long. */
export async function calm({ messages, main }: CalmOptions): Promise<string[]> {
  const contest = await startStoring(main)
  try {
    const size = `${messages} messages of ${bigPayloadBytes} B`
    console.log(`waits in ms, p50/p99/longest, while a store with ${size} is busy`)
    const server = newestVersion()
    console.log(row('', `core, ${server}`, 'nats-edge', `acked, ${server}`, 'nats-edge'))
    const behind: string[] = []
    for (const scene of scenes) {
      const theirs = await watch(contest.lazy.port, scene, messages)
      const ours = await watch(contest.ours.port, scene, messages)
      const cells = [theirs.core, ours.core, theirs.acked, ours.acked].map(text)
      console.log(row(scene.name, ...cells))
      const { maxMs } = ours.core
      if (maxMs > coreMsMax) {
        behind.push(`${scene.name}: a core message waited ${maxMs.toFixed(0)} ms, not ${coreMsMax}`)
      }
    }
    return behind
  } finally {
    await contest.stop()
  }
}

async function watch(port: number, scene: Scene, messages: number): Promise<Measured> {
  const wire = await Wire.open(port)
  await scene.prepare?.(wire, messages)
  const probe = await startProbe(port)
  const trickle = scene.isTrickling ? await Trickle.start(port) : null
  try {
    await rest(beforeMs)
    probe.send('begin')
    trickle?.begin()
    await scene.run(wire)
    await rest(afterMs)
    const acked = trickle?.end() ?? null
    return { core: await ended(probe), acked }
  } finally {
    probe.removeAllListeners('exit')
    probe.kill()
    await trickle?.close()
    wire.close()
  }
}

async function fill(
  wire: Wire,
  name: string,
  count: number,
  payloadBytes: number,
  more: object = {},
): Promise<void> {
  await wire.request(`$JS.API.STREAM.DELETE.${name}`)
  await wire.api(`STREAM.CREATE.${name}`, { name, subjects: [`${name}.>`], ...more })
  const subject = (at: number): string => `${name}.${digits(at % 100, 2)}.${at % 2}`
  const batches = publishes(4000, payloadBytes, subject, at => `${inbox}.${digits(at, 4)}`)
  await publishFor(wire, { batches, inFlight: 1024 }, { ms: 120_000, count })
}

async function publishDeep(wire: Wire): Promise<void> {
  await wire.request('$JS.API.STREAM.DELETE.DEEP')
  await wire.api('STREAM.CREATE.DEEP', { name: 'DEEP', subjects: ['DEEP.>'] })
  const reply = (at: number): string => `${inbox}.${digits(at, 5)}`
  const batches = publishes(20_000, 128, at => `DEEP.${digits(at % 10, 2)}`, reply)
  await publishFor(wire, { batches, inFlight: fullDepth }, { ms: fullMs })
  await wire.api('STREAM.PURGE.DEEP')
}

async function expired(wire: Wire): Promise<void> {
  const startMs = performance.now()
  for (;;) {
    const { state } = (await wire.api('STREAM.INFO.OLD')) as { state: { messages: number } }
    if (state.messages === 0) return
    if (performance.now() - startMs > expiryMsMax) throw new Error(`${state.messages} are left`)
    await rest(100)
  }
}

/** Acknowledged publishes into a stream of their own, a few at a time. */
class Trickle {
  readonly #wire: Wire
  /** When each was sent, by its reply subject. */
  readonly #waiting = new Map<string, number>()
  #waitsMs: number[] = []
  #sent = 0
  #isOver = false

  private constructor(wire: Wire) {
    this.#wire = wire
  }

  static async start(port: number): Promise<Trickle> {
    const wire = await Wire.open(port)
    await wire.request('$JS.API.STREAM.DELETE.TRICKLE')
    await wire.api('STREAM.CREATE.TRICKLE', { name: 'TRICKLE', subjects: ['trickle'] })
    wire.write('SUB _INBOX.trickle.* t\r\n')
    await wire.sync()
    const trickle = new Trickle(wire)
    wire.onMessage = ({ line }) => trickle.#came(line.split(' ', 2)[1] ?? '')
    for (let i = 0; i < trickleInFlight; i++) trickle.#send()
    return trickle
  }

  /** What was sent before does not count. */
  begin(): void {
    this.#waitsMs = []
    this.#waiting.clear()
  }

  end(): Waits {
    this.#isOver = true
    return waitsOf([...this.#waitsMs].sort((a, b) => a - b))
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#wire.request('$JS.API.STREAM.DELETE.TRICKLE')
    this.#wire.close()
  }

  #send(): void {
    if (this.#isOver) return
    const reply = `_INBOX.trickle.${++this.#sent}`
    this.#waiting.set(reply, performance.now())
    this.#wire.write(`PUB trickle ${reply} 128\r\n${'x'.repeat(128)}\r\n`)
  }

  #came(reply: string): void {
    const sentMs = this.#waiting.get(reply)
    if (sentMs !== undefined) this.#waitsMs.push(performance.now() - sentMs)
    this.#waiting.delete(reply)
    this.#send()
  }
}

async function startProbe(port: number): Promise<ChildProcess> {
  const file = join(import.meta.dirname, 'probe.ts')
  const probe = fork(file, [String(port)], { execArgv: ['--disable-warning=ExperimentalWarning'] })
  await once(probe)
  if (cores) spawnSync(program('taskset'), ['-a', '-cp', cores.load, String(probe.pid)])
  return probe
}

async function ended(probe: ChildProcess): Promise<Waits> {
  probe.send('end')
  const waitsUs = (await once(probe)) as number[]
  return waitsOf(waitsUs.map(us => us / 1000))
}

function once(probe: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    probe.once('message', resolve)
    probe.once('exit', code => reject(new Error(`the probe ended: ${code}`)))
  })
}

/** Of values in ascending order. */
function waitsOf(sortedMs: readonly number[]): Waits {
  const at = (share: number): number =>
    sortedMs[Math.min(sortedMs.length - 1, Math.floor(sortedMs.length * share))] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}

function text(waits: Waits | null): string {
  if (!waits) return ''
  return [waits.p50Ms, waits.p99Ms, waits.maxMs].map(ms => ms.toFixed(ms < 10 ? 1 : 0)).join(' / ')
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(30) + cells.map(cell => cell.padStart(22)).join('')
}

function rest(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms)
  })
}
