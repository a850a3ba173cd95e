// Seeded noise for parsers: the same in every run, so that what fails once fails again.
//
//   FUZZ_MS=60000 FUZZ_SEED=7 node node_modules/uvu/bin.js test/wire 'fuzz'

const msDefault = 1000
const seedDefault = 4711

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return this.#state / 2 ** 32
  }

  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  byte(): number {
    return this.below(256)
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.byte()))
  }
}

/** Calls `attempt` with ever new noise for a bounded time; a failure names its seed. */
export function fuzz(attempt: (random: Random) => void): void {
  const untilMs = performance.now() + Number(process.env.FUZZ_MS ?? msDefault)
  let seed = Number(process.env.FUZZ_SEED ?? seedDefault)
  do {
    try {
      attempt(new Random(seed))
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      throw new Error(`FUZZ_SEED=${seed}: ${text}`)
    }
    seed++
  } while (performance.now() < untilMs)
}

/** A few bytes changed, left out, doubled or put in; now and then none at all. */
export function mutated(bytes: Buffer, random: Random): Buffer {
  let result = bytes
  for (let left = random.below(4); left > 0; left--) {
    const at = random.below(result.length + 1)
    const length = random.below(Math.min(16, result.length - at + 1))
    const kept = [result.subarray(0, at), result.subarray(at + length)] as const
    const between = random.pick([
      () => Buffer.alloc(0),
      () => random.bytes(length),
      () => random.bytes(1 + random.below(8)),
      () => Buffer.concat([result.subarray(at, at + length), result.subarray(at, at + length)]),
      () => Buffer.from(random.pick(['\r\n', ' ', '\0', '99999999999', '-1', '"', '\\', '{', 'é'])),
    ])()
    result = Buffer.concat([kept[0], between, kept[1]])
  }
  return result
}

/** The same bytes in pieces, as a network may bring them. */
export function pieces(bytes: Buffer, random: Random): Buffer[] {
  const list: Buffer[] = []
  const lengthMax = random.pick([1, 3, 20, 200])
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(lengthMax)
    list.push(bytes.subarray(at, at + length))
    at += length
  }
  return list
}
