// What the writer had told the world by the moment of the cut (tell.ts has the lines).

/** Of one life of a stream. */
export interface Said {
  /** Acknowledged: must be there, unless taken away. */
  readonly acked: Set<number>
  delivered: number
  /** Removal began: may be there or not. */
  readonly leaving: Set<number>
  /** Removal acknowledged: must be gone. */
  readonly gone: Set<number>
  purgedBefore: number
  readonly purges: Purge[]
}

export interface Purge {
  readonly subject: string
  readonly uptoSeq: number
  readonly keep: number
  isAnswered: boolean
}

/** Of one consumer: messages whose ack was sent, and those whose ack was answered. */
export interface Acks {
  readonly begun: Set<number>
  readonly answered: Set<number>
}

/** Of one MQTT session. */
export interface Queue {
  readonly kept: Set<number>
  readonly dropping: Set<number>
  readonly dropped: Set<number>
}

/** A thing that is now this, now that: of the values from the last that holds on, it has one. */
class Register {
  readonly #values: string[] = ['-']
  #holds = 0

  begin(value: string): void {
    this.#values.push(value)
  }

  holds(at: number): void {
    this.#holds = Math.max(this.#holds, at + 1)
  }

  get allowed(): readonly string[] {
    return this.#values.slice(this.#holds)
  }
}

export class Promises {
  started = false
  readonly streams = new Map<string, Said>()
  readonly consumers = new Map<string, Acks>()
  readonly queues = new Map<string, Queue>()
  readonly #registers = new Map<string, Register>()

  hear(event: string): void {
    const [kind = '', name = '', value = '', ...more] = event.split(' ')
    const number = Number(value)
    if (kind === 'S') this.started = true
    else if (kind === 'V') this.#register(name).begin(value)
    else if (kind === 'v') this.#register(name).holds(number)
    else if (kind === 'A') this.said(name).acked.add(number)
    else if (kind === 'D') this.said(name).delivered = number
    else if (kind === 'R') this.said(name).leaving.add(number)
    else if (kind === 'r') this.said(name).gone.add(number)
    else if (kind === 'P') this.#purgedBefore(this.said(name), number)
    else if (kind === 'F') this.said(name).purges[number] = purgeOf(more)
    else if (kind === 'f') this.#answered(this.said(name), number)
    else if (kind === 'K') this.acks(name).begun.add(number)
    else if (kind === 'k') this.acks(name).answered.add(number)
    else if (kind === 'q') this.queue(name).kept.add(number)
    else if (kind === 'U') this.queue(name).dropping.add(number)
    else if (kind === 'u') this.queue(name).dropped.add(number)
    else throw new Error(`unknown event: ${event}`)
  }

  said(life: string): Said {
    return inMap(this.streams, life, () => ({
      acked: new Set(),
      delivered: 0,
      leaving: new Set(),
      gone: new Set(),
      purgedBefore: 0,
      purges: [],
    }))
  }

  acks(consumer: string): Acks {
    return inMap(this.consumers, consumer, () => ({ begun: new Set(), answered: new Set() }))
  }

  queue(session: string): Queue {
    return inMap(this.queues, session, () => ({
      kept: new Set(),
      dropping: new Set(),
      dropped: new Set(),
    }))
  }

  /** What the thing may be now; `-` alone when nobody ever wanted it. */
  allowed(key: string): readonly string[] {
    return this.#registers.get(key)?.allowed ?? ['-']
  }

  /** Keys that begin so. */
  keys(prefix: string): string[] {
    return [...this.#registers.keys()].filter(key => key.startsWith(prefix))
  }

  #register(key: string): Register {
    return inMap(this.#registers, key, () => new Register())
  }

  #purgedBefore(said: Said, seq: number): void {
    said.purgedBefore = Math.max(said.purgedBefore, seq)
  }

  #answered(said: Said, at: number): void {
    const purge = said.purges[at]
    if (purge) purge.isAnswered = true
  }
}

function purgeOf([subject = '', upto = '', keep = '']: readonly string[]): Purge {
  return { subject, uptoSeq: Number(upto), keep: Number(keep), isAnswered: false }
}

function inMap<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
