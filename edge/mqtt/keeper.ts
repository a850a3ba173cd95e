// What must outlive the process: kept sessions (clean session 0) with their topic filters, the
// QoS 1 messages waiting for them, the packet identifiers of QoS 2 publishes under way, and
// retained messages. The store implements this; nothing here knows how.
//
// Reads see every write made before them, on disk or not. A write is only safe once `onDisk` has
// called back (invariant 1).

export interface KeptFilter {
  readonly filter: string
  readonly qos: 0 | 1
}

/** A session as it was when the process ended. */
export interface KeptSession {
  readonly id: number
  readonly account: string
  readonly clientId: string
  readonly filters: readonly KeptFilter[]
  /** QoS 2 packet identifiers that were received and not yet released. */
  readonly received: readonly number[]
  readonly messages: number
  readonly bytes: number
  /** Sequence of the newest message; 0 when there never was one. */
  readonly lastSeq: number
}

/** A QoS 1 message waiting for one session. */
export interface KeptMessage {
  /** Ascending within a session. */
  readonly seq: number
  readonly topic: string
  readonly payload: Buffer
  /** It was a retained message when the session subscribed [MQTT-3.3.1-8]. */
  readonly retain: boolean
}

export interface RetainedMessage {
  readonly account: string
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly payload: Buffer
}

export interface Keeper {
  /** Everything kept, read once at the start. */
  sessions(): readonly KeptSession[]
  retained(): readonly RetainedMessage[]

  /** Returns the new session's id. */
  createSession(account: string, clientId: string): number
  /** With all that belongs to it. */
  deleteSession(id: number): void
  subscribe(id: number, filter: string, qos: 0 | 1): void
  unsubscribe(id: number, filter: string): void

  /** Queues a copy and returns its sequence; 0 when it cannot be kept (the disk is full). */
  append(id: number, topic: string, payload: Buffer, retain: boolean): number
  /** Up to `countMax` messages after `afterSeq`, in order. */
  read(id: number, afterSeq: number, countMax: number): readonly KeptMessage[]
  /** The message is acknowledged or dropped. Unknown ones are ignored. */
  remove(id: number, seq: number): void

  receive(id: number, packetId: number): void
  release(id: number, packetId: number): void

  /** Replaces the topic's retained message; an empty payload removes it. Copies the payload. */
  retain(message: RetainedMessage): void

  /** Calls back once everything written so far in this turn is on disk; keeps the order. */
  onDisk(done: (error?: Error) => void): void
}
