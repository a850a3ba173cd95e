// A key-value bucket: gets and puts in turn, so many at a time, over a raw socket with the
// requests that the official libraries make (direct gets, puts to `$KV.<bucket>.<key>`).

import { median } from './process.ts'
import { newestVersion, startStoring } from './servers.ts'
import { digits, Wire } from './wire.ts'

export interface BucketOptions {
  readonly rounds: number
  readonly ms: number
  readonly main: string
}

const keyCount = 1000
const valueBytes = 128
const depths = [16, 256]
/** At this depth the goal holds: below, a sync costs more than all the rest. */
const goalFrom = 256
const goal = 1
const msMax = 60_000

/** Returns what is behind. */
export async function bucket({ rounds, ms, main }: BucketOptions): Promise<string[]> {
  const contest = await startStoring(main)
  const { always, lazy, ours } = contest
  try {
    console.log(`KV gets and puts of ${valueBytes} B, half and half, a second, ${keyCount} keys`)
    const names = ['in flight', `${newestVersion()} always`, 'its default', 'nats-edge']
    console.log(row(...names, 'to always', 'to default'))
    for (const { port } of [always, lazy, ours]) await fill(port)
    const behind: string[] = []
    for (const inFlight of depths) {
      const rates: [number[], number[], number[]] = [[], [], []]
      for (let round = -1; round < rounds; round++) {
        for (const [at, { port }] of [always, lazy, ours].entries()) {
          const rate = await measure(port, inFlight, round < 0 ? ms / 2 : ms)
          if (round >= 0) rates[at]?.push(rate)
        }
      }
      const [synced = 0, theirs = 0, our = 0] = rates.map(median)
      const ratio = our / theirs
      const counts = [synced, theirs, our].map(rate => Math.round(rate).toLocaleString('en-US'))
      console.log(row(String(inFlight), ...counts, (our / synced).toFixed(2), ratio.toFixed(2)))
      if (inFlight >= goalFrom && ratio < goal) {
        behind.push(`KV at ${inFlight} in flight: ${ratio.toFixed(2)}, not ${goal}`)
      }
    }
    return behind
  } finally {
    await contest.stop()
  }
}

/** As the libraries make a bucket. */
async function fill(port: number): Promise<void> {
  const wire = await Wire.open(port)
  await wire.api('STREAM.CREATE.KV_bench', {
    name: 'KV_bench',
    subjects: ['$KV.bench.>'],
    max_msgs_per_subject: 1,
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
    discard: 'new',
  })
  for (let key = 0; key < keyCount; key++) {
    await wire.request(`$KV.bench.${nameOf(key)}`, 'x'.repeat(valueBytes))
  }
  wire.close()
}

async function measure(port: number, inFlight: number, ms: number): Promise<number> {
  const wire = await Wire.open(port)
  wire.write('SUB _INBOX.kv.* k\r\n')
  const value = 'x'.repeat(valueBytes)
  let sent = 0
  const next = (): string => {
    sent++
    const reply = `_INBOX.kv.${sent}`
    const name = nameOf((sent * 7919) % keyCount)
    return sent % 2 === 0
      ? `PUB $JS.API.DIRECT.GET.KV_bench.$KV.bench.${name} ${reply} 0\r\n\r\n`
      : `PUB $KV.bench.${name} ${reply} ${valueBytes}\r\n${value}\r\n`
  }
  const some = (count: number): string => Array.from({ length: count }, next).join('')
  const startMs = performance.now()
  try {
    return await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), ms + msMax)
      let done = 0
      let fresh = 0
      const answer = (): void => {
        const elapsedMs = performance.now() - startMs
        if (elapsedMs < ms) wire.write(some(fresh))
        fresh = 0
        if (done < sent) return
        clearTimeout(timer)
        resolve((done / elapsedMs) * 1000)
      }
      wire.onEnd = reject
      wire.onMessage = ({ chunk, bodyStart, end }) => {
        const isError = chunk[bodyStart + 2] === 0x65 || chunk[bodyStart + 9] === 0x34
        if (isError) reject(new Error(chunk.latin1Slice(bodyStart, end)))
        done++
        if (fresh++ === 0) queueMicrotask(answer)
      }
      wire.write(some(inFlight))
    })
  } finally {
    wire.close()
  }
}

const nameOf = (key: number): string => `key.${digits(key, 4)}`

function row(...cells: readonly string[]): string {
  return cells.map(cell => cell.padStart(14)).join('  ')
}
