// The writer's messages with a time of their own: keys that expire and leave markers, schedules
// that send once or again and again. And what must be true of them after a cut: a schedule is
// there or has sent, never both and never twice; what has a time has its row.

import { verifyTimed } from '../../../edge/store/timed/verify.ts'
import type { Promises } from './promises.ts'
import type { Tell } from './tell.ts'
import type { World } from './world.ts'

const second = 1_000_000_000
/** A schedule sends so long after it is made. */
const afterMs = 600
const config = {
  name: 'T',
  subjects: ['T.>'],
  max_msgs_per_subject: 40,
  allow_rollup_hdrs: true,
  allow_msg_ttl: true,
  allow_msg_schedules: true,
  subject_delete_marker_ttl: second,
}

const block = (lines: readonly string[]): Buffer => Buffer.from(`NATS/1.0\r\n${lines.join('')}\r\n`)

export class Timing {
  readonly #world: World
  readonly #tell: Tell
  #schedules = 0

  constructor(world: World, tell: Tell) {
    this.#world = world
    this.#tell = tell
  }

  async start(): Promise<void> {
    await this.#world.request('STREAM.CREATE.T', config)
    this.#publish('T.often', ['Nats-Schedule: @every 1s\r\n', 'Nats-Schedule-Target: T.tick\r\n'])
  }

  round(at: number): void {
    this.#publish(`T.k.${at % 30}`, [`Nats-TTL: ${1 + (at % 2)}\r\n`])
    if (at % 4 !== 3) return
    const number = ++this.#schedules
    const date = new Date(this.#world.clock.wallMs() + afterMs).toISOString()
    const lines = [`Nats-Schedule: @at ${date}\r\n`, `Nats-Schedule-Target: T.out.${number}\r\n`]
    this.#publish(`T.s.${number}`, lines, () => this.#tell.soon(`A T ${number}`))
  }

  #publish(subject: string, lines: readonly string[], answered: () => void = () => {}): void {
    this.#world.ask(subject, 'x', block(lines), text => {
      if (text.includes('"error":')) throw new Error(`${subject}: ${text}`)
      answered()
    })
  }
}

export function brokenTimes(world: World, promises: Promises): string[] {
  const stream = world.store.stream('$G', 'T')
  if (!stream) return ['stream T is gone']
  const wrong = verifyTimed(stream, world.store.db)
  const { acked } = promises.said('T')
  for (let number = 1; number <= Math.max(0, ...acked) + 10; number++) {
    const isWaiting = stream.lastSeqOf(`T.s.${number}`) > 0
    const sent = stream.count([`T.out.${number}`], 1)
    if (acked.has(number) && !isWaiting && sent === 0) wrong.push(`schedule ${number} is lost`)
    if (sent + Number(isWaiting) > 1) wrong.push(`schedule ${number} has sent and is there`)
  }
  return wrong
}
