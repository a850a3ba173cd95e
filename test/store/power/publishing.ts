// The writer's streams: what is published into them, removed and purged, and the one that is
// deleted and made again.

import type { Stream } from '../../../edge/store/shapes.ts'
import { batchCount, bodyOf, isRollup, nameOf, publishOf, subjectOf } from './message.ts'
import type { Dice, Tell } from './tell.ts'
import type { World } from './world.ts'

const second = 1_000_000_000

/** Those that always are. What a stream does not say is the API's default. */
export const configs: readonly (Readonly<Record<string, unknown>> & { name: string })[] = [
  { name: 'A', subjects: ['A.>'], max_msgs: 120 },
  { name: 'B', subjects: ['B.>'], max_msgs_per_subject: 9, allow_rollup_hdrs: true },
  { name: 'C', mirror: { name: 'O' }, max_msgs: 120 },
  { name: 'E', subjects: ['E.>'], max_age: 2 * second, duplicate_window: second },
  { name: 'I', subjects: ['I.>'], retention: 'interest' },
  { name: 'K', subjects: ['K.>'], max_msgs_per_subject: 5, allow_rollup_hdrs: true },
  { name: 'L', subjects: ['L.>'], max_bytes: 20_000 },
  { name: 'M', subjects: ['M.>'], storage: 'memory', max_bytes: 20_000 },
  { name: 'N', subjects: ['N.>'], allow_msg_counter: true, max_msgs_per_subject: 20 },
  { name: 'R', mirror: { name: 'A' }, max_msgs: 100 },
  { name: 'P', subjects: ['P.>'], allow_atomic: true, allow_msg_ttl: true, max_msgs: 90 },
  { name: 'W', subjects: ['W.>'], retention: 'workqueue' },
]

export class Publishing {
  readonly #world: World
  readonly #tell: Tell
  readonly #dice: Dice
  /** The stream that comes and goes: its number, and whether it can be published to. */
  #life = 0
  #isAlive = false
  #version = 0
  /** Of the mirror here: what it has is told up to this one. */
  #copiedSeq = 0

  constructor(world: World, tell: Tell, dice: Dice) {
    this.#world = world
    this.#tell = tell
    this.#dice = dice
  }

  async start(): Promise<void> {
    for (const config of configs) {
      await this.#world.request(`STREAM.CREATE.${config.name}`, config)
      this.#watch(config.name)
    }
  }

  round(at: number): void {
    const dice = this.#dice
    for (const life of ['A', 'B', 'E', 'I', 'K', 'L', 'M', 'N', 'W'])
      this.#publish(life, dice.next(7))
    for (let i = dice.next(3); i > 0; i--) this.#batch()
    this.#mirrored(1 + dice.next(8))
    if (this.#isAlive) this.#publish(`D#${this.#life}`, 1 + dice.next(8))
    const some = this.#stream('ABCEL'[dice.next(5)] ?? 'A')
    if (at % 3 === 2) this.#remove(some)
    if (at % 17 === 16) this.#purge(some)
    if (at % 11 === 10) this.#liveAndDie()
    if (at % 23 === 22) this.#update()
  }

  #publish(life: string, count: number): void {
    const { name } = this.#stream(nameOf(life)).config
    for (let i = 0; i < count; i++) {
      const seq = this.#stream(name).state().lastSeq + 1
      const subject = subjectOf(life, seq)
      if (isRollup(life, seq)) this.#begin(life, subject, seq - 1, 0)
      const { headers, payload } = publishOf(life, seq)
      this.#world.ask(subject, payload, headers.length > 0 ? headers : null, text => {
        const answer = JSON.parse(text) as { seq?: number }
        if (answer.seq !== seq) throw new Error(`${life} ${seq}: ${text}`)
        if (name !== 'M') this.#tell.soon(`A ${life} ${seq}`)
      })
    }
    // Every message of A counts as one of a source: its position must stand with it.
    if (name !== 'A' || count === 0) return
    const stream = this.#stream('A')
    this.#world.store.positions(stream).set('O', stream.state().lastSeq)
  }

  /** All of it is stored, or nothing. */
  #batch(): void {
    const from = this.#stream('P').state().lastSeq + 1
    const last = from + batchCount - 1
    for (let seq = from; seq < last; seq++) {
      const { headers, payload } = bodyOf('P', seq)
      this.#world.say(subjectOf('P', seq), payload, headers)
    }
    const { headers, payload } = bodyOf('P', last)
    this.#world.ask(subjectOf('P', last), payload, headers, text => {
      const answer = JSON.parse(text) as { seq?: number; count?: number }
      if (answer.seq !== last || answer.count !== batchCount) throw new Error(`P ${last}: ${text}`)
      for (let seq = from; seq <= last; seq++) this.#tell.soon(`A P ${seq}`)
    })
  }

  /** As a mirror's feed does, with sequences that the origin no longer has. */
  #mirrored(count: number): void {
    const stream = this.#stream('C')
    const from = stream.state().lastSeq
    for (let i = 0; i < count; i++) {
      const gap = this.#dice.next(4) === 0 ? this.#dice.next(20) : 0
      const last = stream.state().lastSeq
      for (let seq = last + 1; seq <= last + gap; seq++) this.#tell.soon(`R C ${seq}`)
      const seq = last + gap + 1
      const place = { seq, timeUs: 1_700_000_000_000_000 + seq }
      const subject = subjectOf('C', seq)
      const appended = stream.append({ subject, ...bodyOf('C', seq) }, { place })
      if (appended.is !== 'stored') throw new Error(`C ${seq}: ${appended.is}`)
    }
    const { lastSeq } = stream.state()
    this.#world.store.durable.onDisk(error => {
      if (error) throw error
      for (let seq = from + 1; seq <= lastSeq; seq++) this.#tell.soon(`A C ${seq}`)
    })
  }

  #remove(stream: Stream): void {
    const { name } = stream.config
    const { firstSeq, lastSeq, messages } = stream.state()
    if (messages === 0) return
    const seq = firstSeq + this.#dice.next(Math.max(1, lastSeq - firstSeq))
    if (name === 'C') {
      if (stream.remove(seq)) {
        this.#world.store.durable.onDisk(() => this.#tell.soon(`r C ${seq}`))
      }
      return
    }
    this.#world.ask(`$JS.API.STREAM.MSG.DELETE.${name}`, `{"seq":${seq}}`, null, text => {
      if (text.includes('"success":true')) this.#tell.soon(`r ${name} ${seq}`)
    })
  }

  #purge(stream: Stream): void {
    const { name } = stream.config
    const { firstSeq, lastSeq } = stream.state()
    const seq = firstSeq + this.#dice.next(Math.max(1, lastSeq - firstSeq))
    const kind = this.#dice.next(4)
    if (kind === 0 || name === 'C') {
      this.#tell.now(`P ${name} ${seq}`)
      return this.#world.api(`STREAM.PURGE.${name}`, { seq: Math.max(2, seq) })
    }
    const filter = kind === 1 ? '' : subjectOf(name, seq)
    const keep = kind === 3 ? 3 : 0
    const answered = this.#begin(name, filter === '' ? `${name}.>` : filter, lastSeq, keep)
    this.#world.api(`STREAM.PURGE.${name}`, { ...(filter && { filter }), keep }, answered)
  }

  #begin(life: string, subject: string, uptoSeq: number, keep: number): () => void {
    const count = this.#tell.number(`purge ${life}`)
    this.#tell.now(`F ${life} ${count} ${subject} ${uptoSeq} ${keep}`)
    return () => this.#tell.soon(`f ${life} ${count}`)
  }

  /** Deleted and made again: in one turn, or the one now and the other next time. */
  #liveAndDie(): void {
    const { next } = { next: this.#dice.next(3) }
    if (this.#isAlive) {
      this.#isAlive = false
      const gone = this.#tell.begin('stream:D', '-')
      this.#world.api('STREAM.DELETE.D', null, gone)
      if (next === 0) return
    }
    const life = `D#${++this.#life}`
    const made = this.#tell.begin('stream:D', life)
    const consumer = this.#tell.begin(`consumer:${life}.c`, 'c')
    const config = { name: 'D', subjects: ['D.>'], description: life }
    this.#world.api('STREAM.CREATE.D', config, () => {
      made()
      this.#watch(life)
      this.#isAlive = true
    })
    const wanted = { durable_name: 'c', ack_policy: 'explicit', description: 'c' }
    this.#world.api('CONSUMER.DURABLE.CREATE.D.c', { stream_name: 'D', config: wanted }, consumer)
  }

  #update(): void {
    const description = `v${++this.#version}`
    const holds = this.#tell.begin('config:B', description)
    const config = configs.find(({ name }) => name === 'B')
    this.#world.api('STREAM.UPDATE.B', { ...config, description }, holds)
  }

  #watch(life: string): void {
    if (life === 'M') return
    const stream = this.#stream(nameOf(life))
    stream.watch({
      readable: seq => (life === 'R' ? this.#copied(seq) : this.#tell.now(`D ${life} ${seq}`)),
      removed: seq =>
        this.#tell.now(seq > 0 ? `R ${life} ${seq}` : `P ${life} ${stream.state().firstSeq}`),
    })
  }

  /** What its origin no longer had, a mirror leaves out. */
  #copied(uptoSeq: number): void {
    const batch = this.#stream('R').batch([], this.#copiedSeq + 1, uptoSeq - this.#copiedSeq)
    for (const { seq } of batch) this.#tell.soon(`A R ${seq}`)
    this.#copiedSeq = uptoSeq
  }

  #stream(name: string): Stream {
    const stream = this.#world.stream(name)
    if (!stream) throw new Error(`stream ${name} is gone`)
    return stream
  }
}
