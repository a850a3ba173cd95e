// After a power cut: MQTT sessions, what waits for them, and retained messages.

import type { Promises } from './promises.ts'
import type { World } from './world.ts'

const queuedMax = 1000
const shownMax = 5

export function brokenDevices(world: World, promises: Promises): string[] {
  const wrong: string[] = []
  const be = (key: string, value: string): void => {
    const allowed = promises.allowed(key)
    if (!allowed.includes(value)) wrong.push(`${key} is ${value}, not ${allowed.join(' or ')}`)
  }
  const there = new Set<string>()
  for (const session of world.sessions.sessions()) {
    const { clientId: name } = session
    there.add(name)
    be(`session:${name}`, 'there')
    const filters = new Map(session.filters.map(one => [one.filter, String(one.qos)]))
    for (const key of promises.keys(`filter:${name}:`)) {
      be(key, filters.get(key.split(':')[2] ?? '') ?? '-')
    }
    for (const key of promises.keys(`received:${name}:`)) {
      be(key, session.received.includes(Number(key.split(':')[2])) ? 'there' : '-')
    }
    const queued = world.sessions.read(session.id, 0, queuedMax)
    wrong.push(...brokenQueue(promises, name, queued))
  }
  for (const key of promises.keys('session:')) {
    if (!there.has(key.slice('session:'.length))) be(key, '-')
  }
  const retained = new Map(world.sessions.retained().map(one => [one.topic, one.payload]))
  for (const key of promises.keys('retained:')) {
    be(key, retained.get(key.slice('retained:'.length))?.toString() ?? '-')
  }
  return wrong.slice(0, shownMax)
}

function brokenQueue(
  promises: Promises,
  name: string,
  queued: readonly { readonly seq: number; readonly payload: Buffer }[],
): string[] {
  const wrong: string[] = []
  const { kept, dropping, dropped } = promises.queue(name)
  let last = 0
  for (const { seq, payload } of queued) {
    if (payload.toString() !== `${name}:${seq}`) wrong.push(`${name}: ${seq} is another`)
    if (seq <= last) wrong.push(`${name}: ${seq} out of order`)
    if (dropped.has(seq)) wrong.push(`${name}: ${seq} is back`)
    last = seq
  }
  const seqs = new Set(queued.map(({ seq }) => seq))
  for (const seq of kept) {
    if (!seqs.has(seq) && !dropping.has(seq)) wrong.push(`${name}: kept ${seq} is lost`)
  }
  return wrong
}
