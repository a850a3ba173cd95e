// What all streams together may hold: max_memory_store and max_file_store. A stream without
// limits of its own ends here (invariant 3).
//
// Adding up every stream for every message would be dear, so what is left is counted down, and
// measured anew only when the count says that nothing is left.

import type { Storage } from './shapes.ts'

export class Resources {
  readonly memoryBytesMax: number
  readonly fileBytesMax: number
  readonly #measure: (storage: Storage) => number
  readonly #reserved: (storage: Storage) => number
  readonly #left = { memory: 0, file: 0 }
  /** Messages refused. */
  refused = 0

  /** Bytes that all streams of a storage hold or have reserved; and those reserved alone. */
  constructor(
    limits: { readonly memoryBytesMax: number; readonly fileBytesMax: number },
    measure: (storage: Storage) => number,
    reserved: (storage: Storage) => number,
  ) {
    this.memoryBytesMax = limits.memoryBytesMax
    this.fileBytesMax = limits.fileBytesMax
    this.#measure = measure
    this.#reserved = reserved
  }

  max(storage: Storage): number {
    return storage === 'memory' ? this.memoryBytesMax : this.fileBytesMax
  }

  /** May so many bytes more be reserved? */
  reserves(storage: Storage, bytes: number): boolean {
    return bytes <= 0 || this.#reserved(storage) + bytes <= this.max(storage)
  }

  /** Reservations changed: the next message measures. */
  changed(): void {
    this.#left.memory = 0
    this.#left.file = 0
  }

  /** May a message of so many bytes come in? */
  admits(storage: Storage, bytes: number): boolean {
    let left = this.#left[storage] - bytes
    if (left < 0) {
      left = this.max(storage) - this.#measure(storage) - bytes
      if (left < 0) {
        this.refused++
        return false
      }
    }
    this.#left[storage] = left
    return true
  }
}
