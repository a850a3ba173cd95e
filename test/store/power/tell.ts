// What the writer told the world, one line each on its event file:
//
//   S                     started: streams and consumers that always are, are
//   A life seq            a publish was acknowledged
//   D life seq            delivered up to here
//   R life seq            being removed          r life seq   its removal was acknowledged
//   P life seq            all before it go
//   F life n subject seq keep   a purge of this subject up to here begins   f life n   answered
//   K consumer seq        being acknowledged     k consumer seq   the ack was answered
//   q session seq         an MQTT message is kept
//   U session seq         it is being dropped    u session seq   it is
//   V key value           somebody wants the thing to be so (`-`: not to be)
//   v key n               its n-th value holds, or a later one
//
// A life is a stream's name, with `#n` behind it where it is the n-th of that name.

import * as fs from 'node:fs'

export class Tell {
  readonly #fd: number
  readonly #counts = new Map<string, number>()
  #soon: string[] = []

  constructor(file: string) {
    this.#fd = fs.openSync(file, 'w')
  }

  now(line: string): void {
    fs.writeSync(this.#fd, `${line}\n`)
  }

  /** With all else that is told in one go, before the process does anything to its disk. */
  soon(line: string): void {
    if (this.#soon.push(line) > 1) return
    queueMicrotask(() => {
      const lines = this.#soon
      this.#soon = []
      this.now(lines.join('\n'))
    })
  }

  /** Returns what to call once it holds. */
  begin(key: string, value: string): () => void {
    const count = this.#counts.get(key) ?? 0
    this.#counts.set(key, count + 1)
    this.now(`V ${key} ${value}`)
    return () => this.soon(`v ${key} ${count}`)
  }

  /** What begins with this line is told to hold by that one. */
  number(key: string): number {
    const count = this.#counts.get(key) ?? 0
    this.#counts.set(key, count + 1)
    return count
  }
}

/** The same numbers every time. */
export class Dice {
  #state = 7

  next(below: number): number {
    this.#state = (this.#state * 1103515245 + 12345) % 2147483648
    return Math.floor(this.#state / 65536) % below
  }
}
