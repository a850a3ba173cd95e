// Bytes written to files for each byte stored (SD cards wear out), and how long the files are,
// before and after a purge.
//
// Counted are the bytes of the system calls (`wchar` of /proc/<pid>/io) less those that came to the
// client. Its `write_bytes` would be pages dirtied, which are whole large folios wherever the file
// system has them: ten times what is written.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { inbox, publishFor } from './acked.ts'
import { newestVersion, type StoringContender, startStoring } from './servers.ts'
import { digits, publishes, Wire } from './wire.ts'

export interface WrittenOptions {
  readonly main: string
}

interface Case {
  readonly name: string
  readonly inFlight: number
  readonly messages: number
  readonly payloadBytes: number
  readonly subjects: number
}

/** A sensor's reading comes alone, at one a second or ten: each is a group of its own. */
const cases: readonly Case[] = [
  { name: '128 B, one at a time', inFlight: 1, messages: 2000, payloadBytes: 128, subjects: 10 },
  {
    name: '128 B, 256 in flight',
    inFlight: 256,
    messages: 50_000,
    payloadBytes: 128,
    subjects: 10,
  },
  {
    name: '4 KiB, 256 in flight',
    inFlight: 256,
    messages: 4_000,
    payloadBytes: 4096,
    subjects: 10,
  },
]
const msMax = 120_000
/** What a store does behind its answers: checkpoints, free pages given back. */
const restMs = 3000
/** A purged store gives its room back: the files are not longer than this. */
const purgedBytesMax = 32 * 1024 * 1024

/** Returns what is behind. */
export async function written({ main }: WrittenOptions): Promise<string[]> {
  const contest = await startStoring(main)
  const { always, lazy, ours } = contest
  try {
    console.log('bytes written to files for each byte stored; files in MB, full and purged')
    const names = [`${newestVersion()} always`, 'its default', 'nats-edge']
    console.log(row('', ...names))
    const behind: string[] = []
    for (const one of cases) {
      const cells: string[] = []
      for (const server of [always, lazy, ours]) {
        const { ratio, fullBytes, purgedBytes } = await measure(server, one)
        cells.push(`${ratio.toFixed(1)}, ${mb(fullBytes)} and ${mb(purgedBytes)}`)
        if (server === ours && purgedBytes > purgedBytesMax) {
          behind.push(`${one.name}: ${mb(purgedBytes)} MB of files after a purge`)
        }
      }
      console.log(row(one.name, ...cells))
    }
    return behind
  } finally {
    await contest.stop()
  }
}

async function measure({ port, pid, storeDir }: StoringContender, one: Case) {
  const wire = await Wire.open(port)
  try {
    await wire.api('STREAM.CREATE.W', { name: 'W', subjects: ['W.*'] })
    const before = writtenBytes(pid) - wire.receivedBytes
    const subject = (at: number): string => `W.${digits(at % one.subjects, 2)}`
    const reply = (at: number): string => `${inbox}.${digits(at, 5)}`
    const batches = publishes(1000, one.payloadBytes, subject, reply)
    const load = { batches, inFlight: one.inFlight }
    await publishFor(wire, load, { ms: msMax, count: one.messages })
    await rest()
    const storedBytes = one.messages * (one.payloadBytes + subject(0).length)
    const ratio = (writtenBytes(pid) - wire.receivedBytes - before) / storedBytes
    const fullBytes = folderBytes(storeDir)
    await wire.api('STREAM.PURGE.W')
    await rest()
    const purgedBytes = folderBytes(storeDir)
    await wire.api('STREAM.DELETE.W')
    return { ratio, fullBytes, purgedBytes }
  } finally {
    wire.close()
  }
}

function writtenBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/io`, 'latin1')
  return Number(/^wchar: (\d+)/m.exec(text)?.[1])
}

/** What the files take on the disk. */
function folderBytes(dir: string): number {
  let bytes = 0
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512
  }
  return bytes
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1)

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(24) + cells.map(cell => cell.padStart(24)).join('')
}

function rest(): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, restMs)
  })
}
