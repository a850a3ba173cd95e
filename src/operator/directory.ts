// A folder of account JWTs, one file each, `<public key>.jwt`: what `nsc push` keeps here.
//
//   full    keeps every account that is pushed; at its limit it takes no new one
//   cache   keeps what was used last; at its limit the longest unused goes, and everything after
//           its time to live, by the monotonic clock
//
// Guarantees:
//   1. A file is whole or not there: it is written beside, synced, renamed, and the folder synced.
//   2. The folder is ours, but files that somebody puts there, changes or takes away are noticed
//      when the folder changes, or on the next sweep: SD cards are written to in other machines.
//   3. A token that has expired is not offered to anybody but stays on the disk, unlike in
//      nats-server: a clock that is wrong once must not cost a board its accounts.
//   4. What is kept in memory of an account is its key, a hash and two times; never the token.
//
// Rule: nats-server's dirstore.go; the hash of the whole is the same, so that servers agree on it.

import { createHash } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve as absolute } from 'node:path'
import { isPublicKey } from '../account/nkey.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { readAccount } from './claims.ts'
import { tokenBytesMax } from './token.ts'

export interface DirectoryParts {
  readonly path: string
  /** Infinity: no bound of its own. */
  readonly filesMax: number
  /** A cache makes room by itself. */
  readonly isCache: boolean
  /** Of a cache; nought = for ever. */
  readonly ttlMs: number
  readonly deletes: 'no' | 'rename' | 'hard'
  readonly clock: Clock
  readonly log: Log
  /** Another token for this account than before. */
  readonly changed: (account: string, jwt: string) => void
  readonly deleted: (account: string) => void
}

interface Entry {
  readonly hash: Buffer
  /** When it is not used any more, wall clock; Infinity = never. */
  readonly expiresWallMs: number
  readonly modifiedMs: number
  /** Of a cache: when it goes away, monotonic clock. */
  untilMs: number
}

/** Where the config names no bound; memory and patience have one. */
const filesMaxMax = 100_000
const sweepMsMax = 60_000
/** After a change of the folder: several files come at once. */
const settleMs = 200
const extension = '.jwt'

export class Directory {
  readonly path: string
  readonly #parts: DirectoryParts
  /** In the order of use: the first was used longest ago. */
  readonly #entries = new Map<string, Entry>()
  #watcher: FSWatcher | null = null
  #sweep: Timer | null = null
  #settle: Timer | null = null
  /** One thing at a time. */
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(parts: DirectoryParts) {
    this.#parts = parts
    this.path = absolute(parts.path)
  }

  /** Reads what is there. Rejects when the folder cannot be had. */
  async start(): Promise<void> {
    const { clock, ttlMs } = this.#parts
    await mkdir(this.path, { recursive: true, mode: 0o700 })
    await this.#rescan(false)
    const sweepMs = ttlMs > 0 ? Math.min(ttlMs / 2, sweepMsMax) : sweepMsMax
    this.#sweep = clock.every(Math.max(1, sweepMs), () => this.#later(() => this.#tidy()))
    this.#watch()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#watcher?.close()
    this.#sweep?.cancel()
    this.#settle?.cancel()
    await this.#last
  }

  get mayDelete(): boolean {
    return this.#parts.deletes !== 'no'
  }

  /** Those whose token has not expired. */
  get accounts(): readonly string[] {
    const now = this.#parts.clock.wallMs()
    const valid = [...this.#entries].filter(([, { expiresWallMs }]) => expiresWallMs > now)
    return valid.map(([account]) => account).sort()
  }

  /** All hashes in one: equal where two servers keep the same. */
  get hash(): Buffer {
    const sum = Buffer.alloc(32)
    const now = this.#parts.clock.wallMs()
    for (const { hash, expiresWallMs } of this.#entries.values()) {
      if (expiresWallMs <= now) continue
      for (let i = 0; i < 32; i++) sum[i] = (sum[i] as number) ^ (hash[i] as number)
    }
    return sum
  }

  /** The token of an account; null when there is none. */
  async load(account: string): Promise<string | null> {
    if (!isPublicKey(account, 'account')) return null
    const jwt = await this.#read(account)
    const entry = this.#entries.get(account)
    if (jwt !== null && entry !== undefined) this.#use(account, entry)
    return jwt
  }

  /** Keeps it; a text when it could not. */
  save(account: string, jwt: string): Promise<string | null> {
    return this.#queue(() => this.#save(account, jwt))
  }

  /** Only when what is there is not newer. */
  saveIfNewer(account: string, jwt: string): Promise<string | null> {
    return this.#queue(async () => {
      const now = readAccount(jwt)
      if (typeof now === 'string') return now
      const there = await this.#read(account)
      const before = there === null ? null : readAccount(there)
      if (before !== null && typeof before !== 'string') {
        if (before.id === now.id || before.issuedAt > now.issuedAt) return null
        if (now.subject !== account) return 'jwt subject nkey and provided nkey do not match'
      }
      return this.#save(account, jwt)
    })
  }

  /** A text when it could not. */
  delete(account: string): Promise<string | null> {
    return this.#queue(async () => {
      const { deletes, deleted } = this.#parts
      if (deletes === 'no') return 'store is not set up to for delete'
      const file = this.#file(account)
      try {
        if (deletes === 'rename') await rename(file, `${file}.deleted`)
        else await rm(file)
        await syncFolder(this.path)
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        return code === 'ENOENT' ? null : message
      }
      this.#entries.delete(account)
      deleted(account)
      return null
    })
  }

  async #save(account: string, jwt: string): Promise<string | null> {
    if (!isPublicKey(account, 'account')) return 'invalid public key'
    const hash = hashOf(jwt)
    const entry = this.#entries.get(account)
    if (entry?.hash.equals(hash)) {
      this.#use(account, entry)
      return null
    }
    if (entry === undefined && !(await this.#makeRoom())) return 'jwt store is full'
    try {
      await writeWhole(this.#file(account), jwt)
      await syncFolder(this.path)
      const { mtimeMs } = await stat(this.#file(account))
      this.#track(account, jwt, hash, mtimeMs)
    } catch (error) {
      return (error as Error).message
    }
    this.#parts.changed(account, jwt)
    return null
  }

  async #makeRoom(): Promise<boolean> {
    const { filesMax, isCache } = this.#parts
    if (this.#entries.size < Math.min(filesMax, filesMaxMax)) return true
    const [oldest] = this.#entries.keys()
    if (!isCache || oldest === undefined) return false
    await rm(this.#file(oldest), { force: true })
    this.#entries.delete(oldest)
    return true
  }

  #use(account: string, entry: Entry): void {
    const { ttlMs, isCache, clock } = this.#parts
    if (ttlMs > 0) entry.untilMs = clock.monotonicMs() + ttlMs
    if (!isCache) return
    this.#entries.delete(account)
    this.#entries.set(account, entry)
  }

  #track(account: string, jwt: string, hash: Buffer, modifiedMs: number): void {
    const { ttlMs, clock } = this.#parts
    const claims = readAccount(jwt)
    const expires = typeof claims === 'string' ? 0 : claims.expires
    const never = Number.POSITIVE_INFINITY
    this.#entries.delete(account)
    this.#entries.set(account, {
      hash,
      expiresWallMs: expires > 0 ? expires * 1000 : never,
      modifiedMs,
      untilMs: ttlMs > 0 ? clock.monotonicMs() + ttlMs : never,
    })
  }

  /** Files of a cache that nobody used go; then whatever changed in the folder counts. */
  async #tidy(): Promise<void> {
    const now = this.#parts.clock.monotonicMs()
    for (const [account, { untilMs }] of [...this.#entries]) {
      if (untilMs > now) continue
      await rm(this.#file(account), { force: true })
      this.#entries.delete(account)
    }
    await this.#rescan(true)
  }

  /** Reads the files whose time of change is not the one that we know. */
  async #rescan(tells: boolean): Promise<void> {
    if (this.#isClosed) return
    const names = await readdir(this.path)
    const found = new Set<string>()
    for (const name of names) {
      const account = name.slice(0, -extension.length)
      if (!name.endsWith(extension) || !isPublicKey(account, 'account')) continue
      found.add(account)
      await this.#look(account, tells)
    }
    for (const account of [...this.#entries.keys()]) {
      if (!found.has(account)) this.#entries.delete(account)
    }
  }

  async #look(account: string, tells: boolean): Promise<void> {
    const known = this.#entries.get(account)
    if (known === undefined && this.#entries.size >= filesMaxMax) return
    const status = await stat(this.#file(account)).catch(() => null)
    if (status === null || status.mtimeMs === known?.modifiedMs) return
    const jwt = await this.#read(account)
    if (jwt === null) return
    const hash = hashOf(jwt)
    const isSame = known?.hash.equals(hash) ?? false
    this.#track(account, jwt, hash, status.mtimeMs)
    if (tells && !isSame) this.#parts.changed(account, jwt)
  }

  async #read(account: string): Promise<string | null> {
    const file = this.#file(account)
    try {
      if ((await stat(file)).size > tokenBytesMax) return null
      const jwt = (await readFile(file, 'utf8')).trim()
      return jwt === '' ? null : jwt
    } catch {
      // Not there, or not readable: the same to whoever asks for it.
      return null
    }
  }

  #file(account: string): string {
    return join(this.path, `${account}${extension}`)
  }

  /** A folder that cannot be watched is swept all the same. */
  #watch(): void {
    try {
      const watcher = watch(this.path, { persistent: false }, () => this.#stir())
      watcher.on('error', () => watcher.close())
      this.#watcher = watcher
    } catch (error) {
      this.#parts.log.debug(`DirResolver - no notice of changes: ${(error as Error).message}`)
    }
  }

  #stir(): void {
    if (this.#settle !== null || this.#isClosed) return
    this.#settle = this.#parts.clock.after(settleMs, () => {
      this.#settle = null
      this.#later(() => this.#rescan(true))
    })
  }

  /** What nobody waits for; its errors are in the log. */
  #later(act: () => Promise<void>): void {
    this.#queue(act).catch(() => {})
  }

  #queue<T>(act: () => Promise<T>): Promise<T> {
    const next = this.#last.then(act, act)
    this.#last = next.catch((error: Error) => {
      this.#parts.log.error(`DirResolver - ${error.message}`)
    })
    return next
  }
}

function hashOf(jwt: string): Buffer {
  return createHash('sha256').update(jwt).digest()
}

async function writeWhole(file: string, text: string): Promise<void> {
  const beside = `${file}.tmp`
  const handle = await open(beside, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(beside, file)
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
