// What one account's streams hold now. Each stream counts its own messages in and out as they
// come and go, so whoever compares it with a limit has nothing to add up.

import type { Storage } from './shapes.ts'

export class Held {
  memory = 0
  file = 0

  add(storage: Storage, bytes: number): void {
    if (storage === 'memory') this.memory += bytes
    else this.file += bytes
  }
}
