// Streams that a newer version of this server has left behind: they need a level of the API that
// we do not have (ADR-44). They stay on the disk, untouched; nothing is captured or delivered, and
// whoever asks for one hears why. They can be deleted, and are there again after an update.

import { apiLevel } from '../../src/server/version.ts'
import type { Log } from '../../src/base/log.ts'
import { unsupportedLevel } from './api/level.ts'
import type { Stream } from './shapes.ts'

export class OfflineStreams {
  readonly #account: string
  readonly #log: Log
  readonly #streams = new Map<string, { readonly stream: Stream; readonly reason: string }>()

  constructor(account: string, log: Log) {
    this.#account = account
    this.#log = log
  }

  /** Of names, with the reason. */
  get reasons(): Readonly<Record<string, string>> {
    const entries = [...this.#streams].map(([name, { reason }]) => [name, reason])
    return Object.fromEntries(entries)
  }

  get streams(): readonly Stream[] {
    return [...this.#streams.values()].map(({ stream }) => stream)
  }

  /** Keeps the stream when we cannot serve it; false: we can. */
  keeps(stream: Stream): boolean {
    const { name, metadata } = stream.config
    const level = unsupportedLevel(metadata)
    if (level === null) return false
    if (this.#streams.has(name)) return true
    const reason = `unsupported - required API level: ${level}, current API level: ${apiLevel}`
    this.#log.warn(`  Detected unsupported stream '${this.#account} > ${name}': ${reason}`)
    this.#streams.set(name, { stream, reason })
    return true
  }

  stream(name: string): Stream | undefined {
    return this.#streams.get(name)?.stream
  }

  reason(name: string): string | null {
    return this.#streams.get(name)?.reason ?? null
  }

  forget(name: string): boolean {
    return this.#streams.delete(name)
  }
}
