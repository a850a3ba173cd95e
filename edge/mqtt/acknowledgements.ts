// PUBACK and PUBREC for what one client publishes: each leaves when everybody who holds the
// message has it on disk (invariant 1), at once when nobody holds it, and in the order of the
// publishes.

import type { Receipt } from '../../src/message.ts'

export interface AcknowledgementsOwner {
  acknowledge(packetId: number, qos: 1 | 2): void
  /** A holder failed: none of those that wait will be acknowledged, these of QoS 2 among them. */
  refuse(error: Error, qos2PacketIds: readonly number[]): void
  /** So many wait that the client must be held back, or may go on. */
  holdBack(isHeldBack: boolean): void
}

/** Publishes of one client that may wait for the disk before it is held back. */
const waitingMax = 8192

class Entry implements Receipt {
  readonly packetId: number
  readonly qos: 1 | 2
  isPublished = false
  holders = 0
  readonly #list: Acknowledgements

  constructor(list: Acknowledgements, packetId: number, qos: 1 | 2) {
    this.#list = list
    this.packetId = packetId
    this.qos = qos
  }

  hold(): void {
    this.holders++
  }

  /** To ask again for what a stream will never take would end no sooner than the device. */
  release(error?: Error, isForGood = false): void {
    this.holders--
    if (error && !isForGood) this.#list.fail(error)
    this.#list.settle()
  }
}

export class Acknowledgements {
  readonly #owner: AcknowledgementsOwner
  #waiting: Entry[] = []
  /** Entries before this one have left. */
  #head = 0
  #isHeldBack = false
  #isRefused = false
  #error: Error | null = null

  constructor(owner: AcknowledgementsOwner) {
    this.#owner = owner
  }

  get waiting(): number {
    return this.#waiting.length - this.#head
  }

  add(packetId: number, qos: 1 | 2): Receipt {
    const entry = new Entry(this, packetId, qos)
    this.#waiting.push(entry)
    return entry
  }

  /** The message of this receipt is through the door: who has not held it by now never will. */
  published(receipt: Receipt): void {
    if (receipt instanceof Entry) receipt.isPublished = true
    this.settle()
  }

  /** A QoS 2 publish came again: its PUBREC is still to come, or is sent once more. */
  repeat(packetId: number): void {
    const waits = this.#waiting.some(
      (entry, i) => i >= this.#head && entry.packetId === packetId && entry.qos === 2,
    )
    if (!waits) this.#owner.acknowledge(packetId, 2)
  }

  /** The first failure counts; it acts with the next `settle`. */
  fail(error: Error): void {
    this.#error ??= error
  }

  /** Sends what is ready, unless a publish is in the door just now: then after it. */
  settle(): void {
    if (this.#isRefused || this.#waiting.at(-1)?.isPublished === false) return
    if (this.#error) return this.#refuse(this.#error)
    const waiting = this.#waiting
    while (this.#head < waiting.length) {
      const entry = waiting[this.#head] as Entry
      if (entry.holders > 0 || !entry.isPublished) break
      this.#head++
      this.#owner.acknowledge(entry.packetId, entry.qos)
    }
    if (this.#head === waiting.length) waiting.length = this.#head = 0
    else if (this.#head > waitingMax) {
      this.#waiting = waiting.slice(this.#head)
      this.#head = 0
    }
    this.#pace()
  }

  #refuse(error: Error): void {
    this.#isRefused = true
    const waiting = this.#waiting.slice(this.#head)
    this.#waiting = []
    this.#head = 0
    const qos2 = waiting.filter(entry => entry.qos === 2).map(entry => entry.packetId)
    this.#owner.refuse(error, qos2)
  }

  #pace(): void {
    const isTooMany = this.waiting > (this.#isHeldBack ? waitingMax / 2 : waitingMax)
    if (isTooMany === this.#isHeldBack) return
    this.#isHeldBack = isTooMany
    this.#owner.holdBack(isTooMany)
  }
}
