// After a power cut: an acknowledgement that was answered holds, everything else comes again.

import { consumers } from './consuming.ts'
import { bodyOf } from './message.ts'
import type { Acks, Promises } from './promises.ts'
import type { World } from './world.ts'

/** More than a stream of the writer holds. */
const pullMax = 5000
/** Longer than ack_wait. */
const redeliveryMs = 31_000
const shownMax = 5

export async function brokenConsumers(world: World, promises: Promises): Promise<string[]> {
  const { wrong, here } = whoIsHere(world, promises)
  // What there is, before time passes and ages messages.
  const held = new Map(here.map(([of, life]) => [of, seqsOf(world, life)]))
  const came = new Map<string, Set<number>>()
  for (const afterMs of [0, redeliveryMs]) {
    world.clock.advance(afterMs)
    for (const [of] of here) world.pull(of, pullMax)
    await world.quiet()
    for (const { of, seq, payload } of world.deliveries.splice(0)) {
      const life = here.find(([one]) => one === of)?.[1] ?? ''
      if (payload !== bodyOf(life, seq).payload.toString()) wrong.push(`${of} got another ${seq}`)
      const seqs = came.get(of) ?? new Set()
      came.set(of, seqs.add(seq))
    }
  }
  for (const [of] of here) {
    const acks = of === 'D.c' ? { begun: new Set<number>(), answered: new Set<number>() } : null
    const said = acks ?? promises.acks(of)
    wrong.push(...brokenOne(of, said, held.get(of) ?? [], came.get(of) ?? new Set()))
  }
  return wrong.slice(0, shownMax)
}

function brokenOne(
  of: string,
  acks: Acks,
  held: readonly number[],
  came: ReadonlySet<number>,
): string[] {
  const wrong: string[] = []
  for (const seq of acks.answered) {
    if (came.has(seq)) wrong.push(`${of}: ${seq} came again after its ack was answered`)
    if (of === 'W.w' && held.includes(seq)) wrong.push(`${of}: ${seq} is still in the queue`)
  }
  for (const seq of held) {
    if (!came.has(seq) && !acks.begun.has(seq)) wrong.push(`${of}: ${seq} does not come`)
  }
  return wrong
}

/** Consumers that are there, each with the life of its stream; and what should be or not. */
function whoIsHere(world: World, promises: Promises) {
  const wrong: string[] = []
  const here: [of: string, life: string][] = []
  for (const of of consumers) {
    const [stream = '', name = ''] = of.split('.')
    if (world.jetstream.hasConsumer('$G', stream, name)) here.push([of, stream])
    else wrong.push(`consumer ${of} is gone`)
  }
  const life = world.stream('D')?.config.description ?? '-'
  const isThere = world.jetstream.hasConsumer('$G', 'D', 'c')
  if (life !== '-') {
    const allowed = promises.allowed(`consumer:${life}.c`)
    if (!allowed.includes(isThere ? 'c' : '-')) wrong.push(`consumer ${life}.c: ${isThere}`)
    if (isThere) here.push(['D.c', life])
  }
  const allowed = promises.allowed('consumer:B.t')
  const description = descriptionOf(world, 'B', 't')
  if (!allowed.includes(description)) {
    wrong.push(`consumer B.t is ${description}, not ${allowed.join(' or ')}`)
  }
  return { wrong, here }
}

function descriptionOf(world: World, stream: string, name: string): string {
  if (!world.jetstream.hasConsumer('$G', stream, name)) return '-'
  const config = world.store.db.value(
    'SELECT config FROM consumer WHERE stream = ? AND name = ?',
    stream,
    name,
  )
  return (JSON.parse(String(config ?? '{}')) as { description?: string }).description ?? '-'
}

function seqsOf(world: World, life: string): number[] {
  const stream = world.stream(life.startsWith('D#') ? 'D' : life)
  return stream?.batch([], 1, pullMax).map(({ seq }) => seq) ?? []
}
