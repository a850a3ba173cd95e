// Passwords and tokens that the config keeps as bcrypt hashes (reference 5.1, step 7).
//
// Guarantees:
//   1. The event loop never computes a hash: a thread does, one hash at a time, so that a flood of
//      logins takes one core at most. It is started by the first login that needs it and ends when
//      it has been idle for a while.
//   2. A password that was right once is recognised again without the thread: a hundred devices
//      that come back after a power cut do not wait for a hundred hashes. What is kept for that is
//      a MAC under a key of this process, in memory only.
//   3. Logins that nobody waits for any more are not computed.
//   4. A thread that fails (no memory) is a refusal for who was being computed, and no more.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../base/clock.ts'

/** What authenticate() asks. */
export interface HashCheck {
  /** `isWaiting` is asked before the work starts: false answers false. */
  check(hash: string, offered: string, isWaiting: () => boolean): boolean | Promise<boolean>
}

/** For configs that hold no hash. */
export const noHashes: HashCheck = { check: () => false }

const form = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/

/** True for what nats-server takes for a hash, whole or not. */
export function isHash(secret: string): boolean {
  return /^\$2[abxy]\$\d\d\$/.test(secret)
}

/** The cost of a hash that can be computed, or null. */
export function hashCost(hash: string): number | null {
  const cost = Number(form.exec(hash)?.[1] ?? 0)
  return cost >= 4 && cost <= 31 ? cost : null
}

interface Job {
  readonly hash: string
  readonly offered: string
  readonly isWaiting: () => boolean
  readonly done: (isRight: boolean) => void
}

const waitingMax = 1024
const provenMax = 1024
const idleMsMax = 10_000

export class Hashes implements HashCheck {
  readonly #clock: Clock
  readonly #key = randomBytes(32)
  /** The MAC of the password that is known to have this hash. */
  readonly #proven = new Map<string, Buffer>()
  #waiting: Job[] = []
  #current: Job | null = null
  #worker: Worker | null = null
  #idle: Timer | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  check(hash: string, offered: string, isWaiting: () => boolean): boolean | Promise<boolean> {
    if (this.#isProven(hash, offered)) return true
    if (hashCost(hash) === null || this.#waiting.length >= waitingMax) return false
    return new Promise(done => {
      this.#waiting.push({ hash, offered, isWaiting, done })
      this.#next()
    })
  }

  /** Ends the thread; whoever waits is refused. */
  close(): void {
    this.#endWorker()
    const jobs = this.#current === null ? this.#waiting : [this.#current, ...this.#waiting]
    this.#current = null
    this.#waiting = []
    for (const job of jobs) job.done(false)
  }

  /** Does a thread run? It does from the first hash until it has been idle. */
  get isRunning(): boolean {
    return this.#worker !== null
  }

  #next(): void {
    while (this.#current === null) {
      const job = this.#waiting.shift()
      if (job === undefined) return
      if (!job.isWaiting()) job.done(false)
      else if (this.#isProven(job.hash, job.offered)) job.done(true)
      else this.#compute(job)
    }
  }

  #compute(job: Job): void {
    this.#current = job
    this.#idle?.cancel()
    this.#idle = null
    this.#worker ??= this.#startWorker()
    // `$2x$` is `$2a$` for ASCII; nats-server makes no difference at all.
    const hash = job.hash.replace(/^\$2x/, '$2a')
    this.#worker.postMessage({ hash, offered: job.offered })
  }

  #startWorker(): Worker {
    // Compiled, this file is JavaScript and so is its neighbour.
    const name = import.meta.url.endsWith('.ts') ? './hash-worker.ts' : './hash-worker.js'
    const worker = new Worker(new URL(name, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
    })
    worker.unref()
    worker.on('message', (isRight: boolean) => this.#computed(isRight))
    worker.on('error', () => {
      if (this.#worker !== worker) return
      this.#worker = null
      this.#computed(false)
    })
    return worker
  }

  #computed(isRight: boolean): void {
    const job = this.#current
    if (job === null) return
    this.#current = null
    if (isRight) this.#remember(job.hash, job.offered)
    job.done(isRight)
    this.#next()
    if (this.#current === null) {
      this.#idle = this.#clock.after(idleMsMax, () => this.#endWorker())
    }
  }

  #endWorker(): void {
    this.#idle?.cancel()
    this.#idle = null
    // Its end is of no interest: nobody waits for an answer of it.
    void this.#worker?.terminate()
    this.#worker = null
  }

  #isProven(hash: string, offered: string): boolean {
    const known = this.#proven.get(hash)
    return known !== undefined && timingSafeEqual(known, this.#mac(offered))
  }

  #remember(hash: string, offered: string): void {
    this.#proven.delete(hash)
    this.#proven.set(hash, this.#mac(offered))
    if (this.#proven.size <= provenMax) return
    for (const oldest of this.#proven.keys()) {
      this.#proven.delete(oldest)
      return
    }
  }

  #mac(offered: string): Buffer {
    return createHmac('sha256', this.#key).update(offered).digest()
  }
}
