// What the clients of a server that is killed again and again were told, over all its lives.

/** Values of one key: the last that was acknowledged, and those that were begun since. */
class Cell {
  readonly #values: string[] = []
  #acknowledged = -1

  begin(value: string): number {
    return this.#values.push(value) - 1
  }

  acknowledge(at: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, at)
  }

  /** undefined: nothing at all. */
  allows(value: string | undefined): boolean {
    if (value === undefined) return this.#acknowledged < 0
    return this.#values.lastIndexOf(value) >= Math.max(0, this.#acknowledged)
  }

  get text(): string {
    return `${this.#values.slice(Math.max(0, this.#acknowledged)).join(' or ')}`
  }
}

export class Ledger {
  /** Payloads of the log, by the sequence that was acknowledged or delivered. */
  readonly log = new Map<number, string>()
  /** Payloads of the work queue that were acknowledged as stored. */
  readonly jobs = new Set<string>()
  /** Jobs whose acknowledgement was sent, and those for which it was answered. */
  readonly acking = new Set<string>()
  readonly done = new Set<string>()
  /** MQTT messages whose PUBACK came, and those that the subscriber has. */
  readonly sent = new Set<string>()
  readonly arrived = new Set<string>()
  readonly cells = new Map<string, Cell>()
  readonly wrong: string[] = []
  #ids = 0

  /** A payload that nobody has used. */
  id(prefix: string): string {
    return `${prefix}-${++this.#ids}`
  }

  cell(key: string): Cell {
    let cell = this.cells.get(key)
    if (!cell) {
      cell = new Cell()
      this.cells.set(key, cell)
    }
    return cell
  }

  /** A sequence of the log is one message for ever. */
  logged(seq: number, payload: string): void {
    const known = this.log.get(seq)
    if (known !== undefined && known !== payload) {
      this.wrong.push(`sequence ${seq} is ${payload} and was ${known}`)
    }
    this.log.set(seq, payload)
  }

  finished(payload: string): void {
    if (this.done.has(payload)) this.wrong.push(`${payload} came again after its ack was answered`)
  }
}
