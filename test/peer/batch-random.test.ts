// Random lives of batches, the same on nats-server and on us: parts that are missing, repeated or
// late, commits, expectations, ids, roll-ups, messages between them. What is answered and what is
// stored must be the same.

import { spec } from '../support/spec.ts'
import { batchPairFor } from './batch-pair.ts'
import type { Post } from './batch-talk.ts'

const rounds = Number(process.env.BATCH_ROUNDS ?? 6)
const postsARound = 60

/** A small generator: the same numbers every time. */
class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed * 2_654_435_761
  }

  below(max: number): number {
    this.#state = (Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    return ((this.#state >>> 8) & 0xffff) % max
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T
  }

  /** One of a hundred cases so often. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }
}

class Life {
  readonly #dice: Dice
  readonly #prefix: string
  /** Where each batch is, as its publisher thinks. */
  readonly #atomic = new Map<string, number>()
  readonly #fast = new Map<string, number>()
  readonly #isCounter: boolean
  #replies = 0

  constructor(seed: number, prefix: string, isCounter: boolean) {
    this.#dice = new Dice(seed)
    this.#prefix = prefix
    this.#isCounter = isCounter
  }

  post(): Post {
    const dice = this.#dice
    const kind = dice.below(10)
    if (kind < 1) return [this.#subject(), this.#body(), this.#head()]
    if (kind < 6) return this.#atomicPart()
    const [subject, body = '', head = {}, reply = ''] = this.#fastPart()
    // nats-server remembers a last sequence from a batch that it refused.
    const { 'Nats-Expected-Last-Sequence': _, ...rest } = head
    return [subject, body, rest, reply]
  }

  #subject(): string {
    return `${this.#prefix}.${this.#dice.below(4)}`
  }

  #body(): string {
    return this.#isCounter && !this.#dice.chance(3) ? '' : 'x'.repeat(this.#dice.below(20))
  }

  #head(): Record<string, string> {
    const dice = this.#dice
    const head: Record<string, string> = {}
    if (this.#isCounter && !dice.chance(5)) head['Nats-Incr'] = String(dice.below(100) - 50)
    if (dice.chance(8)) head['Nats-Msg-Id'] = String(dice.below(40))
    if (dice.chance(5)) head['Nats-Expected-Last-Sequence'] = String(dice.below(30))
    if (dice.chance(8)) head['Nats-Expected-Last-Subject-Sequence'] = String(dice.below(20))
    if (dice.chance(4)) {
      head['Nats-Expected-Last-Subject-Sequence-Subject'] =
        `${this.#prefix}.${dice.one(['*', '1'])}`
    }
    if (dice.chance(6)) head['Nats-Rollup'] = dice.one(['sub', 'sub', 'all'])
    if (dice.chance(2)) head['Nats-Expected-Stream'] = dice.one(['X', this.#prefix.toUpperCase()])
    if (dice.chance(2)) head['Nats-Required-Api-Level'] = dice.one(['1', '99'])
    return head
  }

  /** The next sequence, mostly; now and then another one, which may be an earlier one. */
  #next(of: Map<string, number>, id: string, mayGoBack = true): number {
    const next = (of.get(id) ?? 0) + 1
    const from = mayGoBack ? Math.max(1, next - 1) : next
    const seq = this.#dice.chance(6) ? from + this.#dice.below(4) : next
    of.set(id, seq)
    return seq
  }

  #atomicPart(): Post {
    const dice = this.#dice
    const id = dice.one(['a', 'b', 'c', 'd', 'e'])
    const seq = this.#next(this.#atomic, id)
    const ends = dice.chance(35)
    if (ends) this.#atomic.delete(id)
    const head = {
      'Nats-Batch-Id': id,
      'Nats-Batch-Sequence': String(seq),
      ...(ends && { 'Nats-Batch-Commit': dice.one(['1', '1', '1', 'eob', 'no']) }),
    }
    return [this.#subject(), this.#body(), { ...head, ...this.#head() }]
  }

  #fastPart(): Post {
    const dice = this.#dice
    const id = dice.one(['f', 'g', 'h', 'i'])
    const isPing = dice.chance(10)
    // A step back after a message that was refused leaves nats-server without an answer for ever.
    const mayGap = id === 'f' || id === 'g'
    const seq = isPing ? (this.#fast.get(id) ?? 1) : this.#next(this.#fast, id, !mayGap)
    const ends = dice.chance(15)
    const operation = isPing ? 4 : ends ? dice.one([2, 3]) : seq === 1 ? 0 : 1
    if (ends && !isPing) this.#fast.delete(id)
    const gap = mayGap ? 'ok' : 'fail'
    // A first token of its own, so that no two replies are the same.
    const reply = `${++this.#replies}.${id}.${dice.one([1, 2, 3])}.${gap}.${seq}.${operation}.$FI`
    return [this.#subject(), this.#body(), this.#head(), reply]
  }
}

spec('random batches beside nats-server', (it, hooks) => {
  const pair = batchPairFor(hooks, 600)

  for (const [name, config] of Object.entries({
    plain: { allow_rollup_hdrs: true },
    full: {
      discard: 'new',
      max_msgs: 12,
      max_msgs_per_subject: 4,
      discard_new_per_subject: true,
      allow_rollup_hdrs: true,
    },
    few: { max_msgs_per_subject: 2, storage: 'memory' },
    counter: { allow_msg_counter: true },
  })) {
    it(`${name} streams end up the same`, async () => {
      for (let round = 1; round <= rounds; round++) {
        const stream = `${name.toUpperCase()}${round}`
        await pair.create(stream, { allow_atomic: true, allow_batched: true, ...config })
        const life = new Life(round * 7919, stream.toLowerCase(), name === 'counter')
        const posts = Array.from({ length: postsARound }, () => life.post())
        const filter = JSON.stringify({ subjects_filter: '>' })
        await pair.converse(stream, [...posts, [`$JS.API.STREAM.INFO.${stream}`, filter]])
        // Its open batches go with it.
        await pair.converse(stream, [[`$JS.API.STREAM.UPDATE.${stream}`, off(stream, config)]])
      }
    }, 120_000)
  }
})

/** The config without batches. */
function off(name: string, config: object): string {
  return JSON.stringify({ name, subjects: [`${name.toLowerCase()}.>`], ...config })
}
