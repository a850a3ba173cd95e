// What must be true of a store after a power cut, given what it had told the world before.

import { verifyConsumers } from '../../../edge/store/consumer/verify.ts'
import { sessionProblems } from '../../../edge/store/session.ts'
import type { Stream } from '../../../edge/store/shapes.ts'
import { verify } from '../../../edge/store/verify.ts'
import { matches } from '../../../src/subject/subject.ts'
import { brokenConsumers } from './check-consumers.ts'
import { brokenDevices } from './check-devices.ts'
import { batchCount, bodyOf, publishOf, subjectOf } from './message.ts'
import type { Promises, Purge, Said } from './promises.ts'
import { configs } from './publishing.ts'
import { brokenTimes } from './timing.ts'
import { World } from './world.ts'

export interface Verdict {
  /** Empty when every promise is kept. */
  readonly wrong: readonly string[]
  readonly startMs: number
}

const shownMax = 5

/** Opens the store of a directory and says what is broken. */
export async function judge(base: string, promises: Promises): Promise<Verdict> {
  const world = new World(base)
  const startedMs = performance.now()
  const before = process.cpuUsage()
  let startMs = 0
  try {
    await world.start()
    // On a machine that is busy with other things most of the time is spent waiting for a core.
    const { user, system } = process.cpuUsage(before)
    startMs = Math.min(performance.now() - startedMs, (2 * (user + system)) / 1000)
    const wrong = [...world.store.problems]
    if (promises.started) wrong.push(...(await brokenPromises(world, promises)))
    const { store } = world
    store.saveAll()
    await world.onDisk()
    wrong.push(...verify(store.db), ...verifyConsumers(store.db), ...sessionProblems(store.db))
    return { wrong, startMs }
  } catch (error) {
    // A store that was damaged unnoticed.
    return { wrong: [String(error)], startMs }
  } finally {
    await world.close().catch(() => {})
  }
}

async function brokenPromises(world: World, promises: Promises): Promise<string[]> {
  const wrong = [...brokenStreams(world, promises), ...brokenDevices(world, promises)]
  for (const life of livesOf(world)) wrong.push(...(await brokenNext(world, promises, life)))
  wrong.push(...brokenTimes(world, promises))
  return [...wrong, ...(await brokenConsumers(world, promises))]
}

function brokenStreams(world: World, promises: Promises): string[] {
  const wrong: string[] = []
  for (const { name } of configs) {
    const stream = world.stream(name)
    // What lives in memory goes with the process.
    if (name === 'M') {
      if (stream) wrong.push('a stream in memory is back')
    } else if (stream) wrong.push(...brokenIn(stream, name, promises.said(name)))
    else wrong.push(`stream ${name} is gone`)
  }
  const life = world.stream('D')?.config.description ?? '-'
  const allowed = promises.allowed('stream:D')
  if (!allowed.includes(life)) wrong.push(`D is ${life}, not ${allowed.join(' or ')}`)
  const stream = world.stream('D')
  if (stream) wrong.push(...brokenIn(stream, life, promises.said(life)))
  const version = world.stream('B')?.config.description ?? '-'
  if (!promises.allowed('config:B').includes(version)) wrong.push(`B's config is ${version}`)
  const torn = (world.stream('P')?.state().lastSeq ?? 0) % batchCount
  if (torn !== 0) wrong.push(`P: ${torn} messages of a batch of ${batchCount}`)
  wrong.push(...brokenPosition(world))
  return wrong
}

function brokenIn(stream: Stream, life: string, said: Said): string[] {
  const wrong: string[] = []
  const there = new Set<number>()
  let from = 1
  for (;;) {
    const batch = stream.batch([], from, 500)
    for (const message of batch) {
      const { seq } = message
      // A mirror here holds what its origin held, at the same place.
      const origin = life === 'R' ? 'A' : life
      const right = bodyOf(origin, seq)
      there.add(seq)
      if (seq < from) wrong.push(`${seq} out of order`)
      from = seq + 1
      if (message.subject !== subjectOf(origin, seq)) wrong.push(`${seq}: subject`)
      if (!message.headers.equals(right.headers)) wrong.push(`${seq}: headers`)
      if (!message.payload.equals(right.payload)) wrong.push(`${seq}: payload`)
      if (said.gone.has(seq)) wrong.push(`${seq} is back`)
    }
    if (batch.length === 0) break
  }
  const isPurged = (seq: number): boolean =>
    said.purges.some(purge => seq <= purge.uptoSeq && matches(purge.subject, subjectOf(life, seq)))
  const mayMiss = (seq: number): boolean =>
    said.leaving.has(seq) || said.gone.has(seq) || seq < said.purgedBefore || isPurged(seq)
  for (const seq of said.acked) {
    if (!there.has(seq) && !mayMiss(seq)) wrong.push(`acknowledged ${seq} is lost`)
  }
  for (let seq = 1; seq <= said.delivered; seq++) {
    if (!there.has(seq) && !mayMiss(seq)) wrong.push(`delivered ${seq} is lost`)
  }
  for (const purge of said.purges) if (purge.isAnswered) wrong.push(...back(there, life, purge))
  return wrong.slice(0, shownMax).map(text => `${life}: ${text}`)
}

/** What a purge that was answered left behind, beyond what it was to keep. */
function back(there: ReadonlySet<number>, life: string, purge: Purge): string[] {
  const left = [...there].filter(
    seq => seq <= purge.uptoSeq && matches(purge.subject, subjectOf(life, seq)),
  )
  const { subject, uptoSeq, keep } = purge
  return left.length > keep ? [`${left.length} of ${subject} up to ${uptoSeq} are back`] : []
}

/** A's messages come from a source: the position in it was written with each of them. */
function brokenPosition(world: World): string[] {
  const stream = world.stream('A')
  if (!stream) return []
  const positions = world.store.positions(stream)
  positions.load()
  const seq = positions.get('O') ?? 0
  const { lastSeq } = stream.state()
  return seq === lastSeq ? [] : [`position ${seq}, but the last message is ${lastSeq}`]
}

function livesOf(world: World): string[] {
  const life = world.stream('D')?.config.description
  return ['A', 'B', 'E', 'I', 'K', 'L', 'N', 'W', ...(life ? [life] : [])]
}

/** The next message must not take a sequence that somebody has seen. */
async function brokenNext(world: World, promises: Promises, life: string): Promise<string[]> {
  const stream = world.stream(life.startsWith('D#') ? 'D' : life)
  if (!stream) return []
  const seq = stream.state().lastSeq + 1
  const { headers, payload } = publishOf(life, seq)
  const answer = await new Promise<string>(resolve =>
    world.ask(subjectOf(life, seq), payload, headers.length > 0 ? headers : null, resolve),
  )
  const stored = (JSON.parse(answer) as { seq?: number }).seq
  if (stored !== seq) return [`${life} ${seq}: ${answer}`]
  const { delivered, acked } = promises.said(life)
  const isUsed = seq <= delivered || acked.has(seq)
  return isUsed ? [`${life}: sequence ${seq} was used before`] : []
}
