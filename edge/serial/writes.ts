// What waits to be written to one port: bounded in bytes and messages. What does not fit is
// refused at once; a writer that asked for an answer gets one for every message.

import type { SerialDevice } from './device.ts'

/** Messages of a few bytes cost more than their bytes. */
const writesMax = 1024

/** null: written; else why not. */
export type Answer = (error: string | null) => void

interface Write {
  readonly bytes: Buffer
  readonly answer: Answer
}

export class Writes {
  queuedBytes = 0
  writes = 0
  writtenBytes = 0
  refused = 0
  #queue: Write[] = []
  #device: SerialDevice | null = null
  #writing = false
  readonly #bytesMax: number
  readonly #onError: (device: SerialDevice, error: unknown) => void

  /** `onError` is told of a failed write and calls `drop`. */
  constructor(bytesMax: number, onError: (device: SerialDevice, error: unknown) => void) {
    this.#bytesMax = bytesMax
    this.#onError = onError
  }

  /** The port is open: writes go there from now on. */
  open(device: SerialDevice): void {
    this.#device = device
  }

  /** The port is gone: everything that waits is refused. */
  drop(error: string): void {
    this.#device = null
    const queue = this.#queue
    this.#queue = []
    this.queuedBytes = 0
    this.#writing = false
    for (const write of queue) this.#refuse(write.answer, error)
  }

  /** Takes the bytes over, or refuses them. */
  add(bytes: Buffer, answer: Answer): void {
    const device = this.#device
    if (device === null) this.#refuse(answer, 'serial port is not open')
    else if (this.queuedBytes + bytes.length > this.#bytesMax || this.#queue.length >= writesMax) {
      this.#refuse(answer, 'serial write queue is full')
    } else {
      this.#queue.push({ bytes, answer })
      this.queuedBytes += bytes.length
      if (!this.#writing) void this.#write(device)
    }
  }

  #refuse(answer: Answer, error: string): void {
    this.refused++
    answer(error)
  }

  async #write(device: SerialDevice): Promise<void> {
    this.#writing = true
    for (let write = this.#queue[0]; write; write = this.#queue[0]) {
      try {
        await device.write(write.bytes)
      } catch (error) {
        if (device === this.#device) this.#onError(device, error)
        return
      }
      if (device !== this.#device) return
      this.#queue.shift()
      this.queuedBytes -= write.bytes.length
      this.writes++
      this.writtenBytes += write.bytes.length
      write.answer(null)
    }
    this.#writing = false
  }
}
