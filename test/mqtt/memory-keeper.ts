// A keeper in memory, whose disk is as slow as a test wants: `sync()` is the fsync. What was
// written before it survives `restart()`; the rest is lost, as in a power cut.

import type {
  KeptFilter,
  KeptMessage,
  KeptSession,
  Keeper,
  RetainedMessage,
} from '../../edge/mqtt/keeper.ts'

interface Kept {
  id: number
  account: string
  clientId: string
  filters: Map<string, KeptFilter>
  received: Set<number>
  messages: Map<number, KeptMessage>
  lastSeq: number
}

interface Disk {
  sessions: Map<number, Kept>
  retained: Map<string, RetainedMessage>
  lastId: number
}

export class MemoryKeeper implements Keeper {
  /** Answers `onDisk` by itself, at once. */
  auto = true
  /** What the next syncs answer with. */
  error: Error | undefined
  #now: Disk = { sessions: new Map(), retained: new Map(), lastId: 0 }
  #disk: Disk = structuredClone(this.#now)
  #waiting: ((error?: Error) => void)[] = []

  /** Everything written is on disk; those who wait are told. */
  sync(): void {
    if (!this.error) this.#disk = copy(this.#now)
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done(this.error)
  }

  /** A power cut: what was not synced is gone, and nobody waits any more. */
  restart(): void {
    this.#now = copy(this.#disk)
    this.#waiting = []
  }

  get waiting(): number {
    return this.#waiting.length
  }

  sessions(): readonly KeptSession[] {
    return [...this.#now.sessions.values()].map(kept => {
      const messages = [...kept.messages.values()]
      return {
        id: kept.id,
        account: kept.account,
        clientId: kept.clientId,
        filters: [...kept.filters.values()],
        received: [...kept.received],
        messages: messages.length,
        bytes: messages.reduce((n, m) => n + m.topic.length + m.payload.length, 0),
        lastSeq: kept.lastSeq,
      }
    })
  }

  retained(): readonly RetainedMessage[] {
    return [...this.#now.retained.values()]
  }

  createSession(account: string, clientId: string): number {
    const id = ++this.#now.lastId
    this.#now.sessions.set(id, {
      id,
      account,
      clientId,
      filters: new Map(),
      received: new Set(),
      messages: new Map(),
      lastSeq: 0,
    })
    return id
  }

  deleteSession(id: number): void {
    this.#now.sessions.delete(id)
  }

  subscribe(id: number, filter: string, qos: 0 | 1): void {
    this.#of(id).filters.set(filter, { filter, qos })
  }

  unsubscribe(id: number, filter: string): void {
    this.#of(id).filters.delete(filter)
  }

  append(id: number, topic: string, payload: Buffer, retain: boolean): number {
    const kept = this.#of(id)
    const seq = ++kept.lastSeq
    kept.messages.set(seq, { seq, topic, payload: Buffer.from(payload), retain })
    return seq
  }

  read(id: number, afterSeq: number, countMax: number): readonly KeptMessage[] {
    return [...this.#of(id).messages.values()].filter(m => m.seq > afterSeq).slice(0, countMax)
  }

  remove(id: number, seq: number): void {
    this.#of(id).messages.delete(seq)
  }

  receive(id: number, packetId: number): void {
    this.#of(id).received.add(packetId)
  }

  release(id: number, packetId: number): void {
    this.#of(id).received.delete(packetId)
  }

  retain(message: RetainedMessage): void {
    const key = `${message.account} ${message.topic}`
    if (message.payload.length === 0) this.#now.retained.delete(key)
    else this.#now.retained.set(key, { ...message, payload: Buffer.from(message.payload) })
  }

  onDisk(done: (error?: Error) => void): void {
    this.#waiting.push(done)
    if (this.auto) this.sync()
  }

  #of(id: number): Kept {
    const kept = this.#now.sessions.get(id)
    if (!kept) throw new Error(`no session ${id}`)
    return kept
  }
}

function copy(disk: Disk): Disk {
  const sessions = [...disk.sessions].map(([id, kept]): [number, Kept] => [
    id,
    {
      ...kept,
      filters: new Map(kept.filters),
      received: new Set(kept.received),
      messages: new Map(kept.messages),
    },
  ])
  return { sessions: new Map(sessions), retained: new Map(disk.retained), lastId: disk.lastId }
}
