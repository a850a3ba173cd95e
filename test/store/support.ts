// What the store's tests share: a store in a directory of its own, a config with defaults.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import type { StreamConfig } from '../../edge/store/shapes.ts'
import { Store, type StoreOptions } from '../../edge/store/store.ts'
import type { StoreStream } from '../../edge/store/stream.ts'
import { verifyTimed } from '../../edge/store/timed/verify.ts'
import { verify } from '../../edge/store/verify.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'

export const none = Buffer.alloc(0)

export function streamConfig(more: Partial<StreamConfig> & { name: string }): StreamConfig {
  return {
    subjects: [`${more.name}.>`],
    retention: 'limits',
    max_consumers: -1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    discard: 'old',
    storage: 'file',
    num_replicas: 1,
    duplicate_window: 120_000_000_000,
    compression: 'none',
    allow_direct: false,
    mirror_direct: false,
    sealed: false,
    deny_delete: false,
    deny_purge: false,
    allow_rollup_hdrs: false,
    consumer_limits: {},
    allow_msg_ttl: false,
    ...more,
  }
}

export function temporaryDir(parent = os.tmpdir()): string {
  return fs.mkdtempSync(path.join(parent, 'nats-edge-store-'))
}

/** A store with a fake clock; `done` verifies, closes and removes it. */
export class TestStore {
  readonly dir: string
  readonly clock: FakeClock
  store: Store
  readonly #options: Partial<StoreOptions>

  constructor(options: Partial<StoreOptions> = {}, clock = new FakeClock()) {
    this.dir = options.dir ?? temporaryDir()
    this.clock = clock
    this.#options = options
    this.store = this.#make()
  }

  static async start(options: Partial<StoreOptions> = {}, clock?: FakeClock): Promise<TestStore> {
    const test = new TestStore(options, clock)
    await test.store.start()
    return test
  }

  stream(more: Partial<StreamConfig> & { name: string }, account = '$G'): StoreStream {
    const made = this.store.create(account, streamConfig(more))
    if ('err_code' in made) throw new Error(made.description)
    return made
  }

  /** Everything written so far is on disk, or the error. */
  onDisk(): Promise<Error | undefined> {
    return new Promise(resolve => this.store.durable.onDisk(resolve))
  }

  /** Closes and opens again; the streams by their names. */
  async reopen(clock?: FakeClock): Promise<void> {
    await this.store.close()
    this.store = this.#make(clock)
    await this.store.start()
  }

  async done(): Promise<void> {
    this.store.saveAll()
    await this.onDisk()
    const wrong = this.store.databases.flatMap(verify)
    for (const account of this.store.accounts()) {
      for (const stream of this.store.streamsOf(account)) {
        wrong.push(...verifyTimed(stream, stream.rows.db))
      }
    }
    await this.store.close()
    fs.rmSync(this.dir, { recursive: true, force: true })
    assert.equal(wrong, [])
  }

  #make(clock = this.clock): Store {
    const turn = new Turn()
    return new Store({ log: silentLog, turn, ...this.#options, clock, dir: this.dir })
  }
}

/** Appends and returns the sequence, or throws what refused it. */
export function put(stream: StoreStream, subject: string, payload = 'x', headers = ''): number {
  const outcome = stream.append(
    { subject, headers: Buffer.from(headers), payload: Buffer.from(payload) },
    {},
  )
  if (outcome.is === 'refused') throw new Error(outcome.error.description)
  return outcome.seq
}
