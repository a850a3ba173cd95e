// The process whose power is cut: publishes, removes and purges in three streams, one of them a
// mirror with gaps, and says on its event file what it told the world. Run under strace by
// power.test.ts.
//
//   A stream from-to   acknowledged       D stream seq   delivered up to
//   R stream seq       being removed      r stream seq   its removal was acknowledged
//   P stream seq       all before it being purged

import * as fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { Store } from '../../../edge/store/store.ts'
import type { StoreStream } from '../../../edge/store/stream.ts'
import { realClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Turn } from '../../../src/base/turn.ts'
import { streamConfig } from '../support.ts'
import { bodyOf, subjectOf } from './message.ts'

const [dir = '', events = '', roundsText = '', sabotage = ''] = process.argv.slice(2)
const rounds = Number(roundsText)

/** What a store without its fdatasync, or with a part of it, would do: the test must notice. */
if (sabotage !== '') {
  const patched = createRequire(import.meta.url)('node:fs') as { fdatasync: unknown }
  const { fdatasync } = fs
  patched.fdatasync = (fd: number, done: (error: Error | null) => void) => {
    const spared = sabotage === 'no-file-sync' && fs.readlinkSync(`/proc/self/fd/${fd}`)
    if (spared && !spared.endsWith('store.db')) fdatasync(fd, done)
    else setImmediate(() => done(null))
  }
  syncBuiltinESMExports()
}

const out = fs.openSync(events, 'w')
const tell = (line: string): void => {
  fs.writeSync(out, `${line}\n`)
}

const store = new Store({
  dir,
  log: silentLog,
  clock: realClock,
  turn: new Turn(),
  walBytesMax: 96 * 1024,
})
await store.start()

const streams = [
  make(streamConfig({ name: 'A', max_msgs: 400 })),
  make(streamConfig({ name: 'B', max_msgs_per_subject: 30, allow_rollup_hdrs: true })),
  make(streamConfig({ name: 'C', subjects: [], mirror: { name: 'O' }, max_msgs: 400 })),
]
/** Every message of A counts as one of a source: its position must stand with it. */
const positions = store.positions(streams[0] as StoreStream)
await onDisk()
tell('S')

let random = 7
for (let round = 0; round < rounds; round++) {
  for (const stream of streams) publish(stream, 1 + next(12))
  if (round % 5 === 4) remove(streams[next(3)] as StoreStream)
  if (round % 29 === 28) purge(streams[next(3)] as StoreStream)
  if (round % 3 === 0) await onDisk()
  else await new Promise(resolve => setImmediate(resolve))
}
await onDisk()
await store.close()

function make(config: ReturnType<typeof streamConfig>): StoreStream {
  const stream = store.create('$G', config)
  if ('err_code' in stream) throw new Error(stream.description)
  stream.watch({
    readable: seq => tell(`D ${config.name} ${seq}`),
    removed: seq => seq > 0 && tell(`R ${config.name} ${seq}`),
  })
  return stream
}

function publish(stream: StoreStream, count: number): void {
  const from = stream.lastSeq + 1
  const { name } = stream.config
  for (let i = 0; i < count; i++) {
    const seq = stream.lastSeq + 1 + (name === 'C' ? gap(stream) : 0)
    const { headers, payload } = bodyOf(name, seq)
    const place = name === 'C' ? { place: { seq, timeUs: 1_700_000_000_000_000 + seq } } : {}
    stream.append({ subject: subjectOf(name, seq), headers, payload }, place)
  }
  const to = stream.lastSeq
  if (name === 'A') positions.set('O', to)
  store.durable.onDisk(error => {
    if (error) throw error
    tell(`A ${name} ${from}-${to}`)
  })
}

/** Sequences that a mirror's origin no longer has. */
function gap(stream: StoreStream): number {
  const count = next(4) === 0 ? next(20) : 0
  for (let i = 1; i <= count; i++) tell(`R ${stream.config.name} ${stream.lastSeq + i}`)
  return count
}

function remove(stream: StoreStream): void {
  const seq = stream.firstSeq + next(Math.max(1, stream.lastSeq - stream.firstSeq))
  const { name } = stream.config
  if (!stream.remove(seq)) return
  store.durable.onDisk(() => tell(`r ${name} ${seq}`))
}

function purge(stream: StoreStream): void {
  const seq = stream.firstSeq + next(Math.max(1, stream.lastSeq - stream.firstSeq))
  tell(`P ${stream.config.name} ${seq}`)
  stream.purge({ seq })
}

function onDisk(): Promise<void> {
  return new Promise((resolve, reject) =>
    store.durable.onDisk(error => (error ? reject(error) : resolve())),
  )
}

function next(below: number): number {
  random = (random * 1103515245 + 12345) % 2147483648
  return Math.floor(random / 65536) % below
}
