// The writer's MQTT devices: sessions that come, subscribe, have messages kept for them, and go;
// retained messages; the packet identifiers of QoS 2.

import type { Dice, Tell } from './tell.ts'
import type { World } from './world.ts'

interface Device {
  readonly name: string
  readonly id: number
  readonly queued: number[]
}

const deviceCount = 4
const topicCount = 5
const packetCount = 6

export class Devices {
  readonly #world: World
  readonly #tell: Tell
  readonly #dice: Dice
  readonly #devices: (Device | null)[] = Array.from({ length: deviceCount }, () => null)
  /** The newest sequence of each session. */
  readonly #last = new Map<string, number>()
  #lives = 0

  constructor(world: World, tell: Tell, dice: Dice) {
    this.#world = world
    this.#tell = tell
    this.#dice = dice
  }

  round(at: number): void {
    const dice = this.#dice
    const which = dice.next(deviceCount)
    const device = this.#devices[which] ?? this.#come(which)
    for (let i = dice.next(4); i > 0; i--) this.#queue(device)
    for (let i = dice.next(4); i > 0; i--) this.#drop(device)
    this.#filter(device)
    this.#packet(device)
    this.#retain()
    if (at % 19 === 18) this.#go(which, device)
  }

  #come(which: number): Device {
    const { sessions } = this.#world
    const name = `dev-${which}-${++this.#lives}`
    const id = this.#set(`session:${name}`, 'there', () => sessions.createSession('$G', name))
    const device = { name, id, queued: [] }
    this.#devices[which] = device
    return device
  }

  #go(which: number, { name, id }: Device): void {
    this.#set(`session:${name}`, '-', () => this.#world.sessions.deleteSession(id))
    this.#devices[which] = null
  }

  #queue({ name, id, queued }: Device): void {
    const seq = (this.#last.get(name) ?? 0) + 1
    const payload = Buffer.from(`${name}:${seq}`)
    const given = this.#world.sessions.append(id, `t/${seq}`, payload, seq % 5 === 0)
    if (given === 0) throw new Error('not kept')
    queued.push(given)
    this.#last.set(name, given)
    this.#onDisk(() => this.#tell.soon(`q ${name} ${given}`))
  }

  #drop({ name, id, queued }: Device): void {
    const seq = queued.shift()
    if (seq === undefined) return
    this.#tell.now(`U ${name} ${seq}`)
    this.#world.sessions.remove(id, seq)
    this.#onDisk(() => this.#tell.soon(`u ${name} ${seq}`))
  }

  #filter({ name, id }: Device): void {
    const filter = `f/${this.#dice.next(topicCount)}`
    const qos = this.#dice.next(3)
    const { sessions } = this.#world
    this.#set(`filter:${name}:${filter}`, qos === 2 ? '-' : String(qos), () => {
      if (qos === 2) sessions.unsubscribe(id, filter)
      else sessions.subscribe(id, filter, qos === 0 ? 0 : 1)
    })
  }

  #packet({ name, id }: Device): void {
    const packet = 1 + this.#dice.next(packetCount)
    const isNew = this.#dice.next(2) === 0
    const { sessions } = this.#world
    this.#set(`received:${name}:${packet}`, isNew ? 'there' : '-', () => {
      if (isNew) sessions.receive(id, packet)
      else sessions.release(id, packet)
    })
  }

  #retain(): void {
    const topic = `r/${this.#dice.next(topicCount)}`
    const value = this.#dice.next(4) === 0 ? '-' : `value-${++this.#lives}`
    const payload = Buffer.from(value === '-' ? '' : value)
    this.#set(`retained:${topic}`, value, () =>
      this.#world.sessions.retain({ account: '$G', topic, qos: 1, payload }),
    )
  }

  /** Says what is to be, writes it, and says when it holds. */
  #set<T>(key: string, value: string, write: () => T): T {
    const holds = this.#tell.begin(key, value)
    const written = write()
    this.#onDisk(holds)
    return written
  }

  #onDisk(done: () => void): void {
    this.#world.sessions.onDisk(error => {
      if (error) throw error
      done()
    })
  }
}
