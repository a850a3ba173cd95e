// The writer's consumers: what they get is acknowledged, and the acknowledgement answered; one
// comes and goes.

import type { Dice, Tell } from './tell.ts'
import type { Delivery, World } from './world.ts'

/** `stream.consumer`; they always are. */
export const consumers = ['A.a', 'I.i', 'I.j', 'K.k', 'W.w'] as const

export class Consuming {
  readonly #world: World
  readonly #tell: Tell
  readonly #dice: Dice
  #life = 0
  #isThere = false

  constructor(world: World, tell: Tell, dice: Dice) {
    this.#world = world
    this.#tell = tell
    this.#dice = dice
  }

  async start(): Promise<void> {
    for (const of of consumers) {
      const [stream = '', name = ''] = of.split('.')
      const config = { durable_name: name, ack_policy: 'explicit' }
      await this.#world.request(`CONSUMER.DURABLE.CREATE.${of}`, { stream_name: stream, config })
    }
  }

  round(at: number): void {
    for (const delivery of this.#world.deliveries.splice(0)) this.#take(delivery)
    for (const of of consumers) {
      if (this.#dice.next(2) === 0) this.#world.pull(of, 1 + this.#dice.next(12))
    }
    if (at % 7 === 6) this.#comeOrGo()
  }

  #take({ of, seq, reply }: Delivery): void {
    // Some are left alone: they must come again.
    if (this.#dice.next(6) === 0) return
    this.#tell.soon(`K ${of} ${seq}`)
    this.#world.ask(reply, '+ACK', null, () => this.#tell.soon(`k ${of} ${seq}`))
  }

  #comeOrGo(): void {
    if (this.#isThere) {
      this.#isThere = false
      this.#world.api('CONSUMER.DELETE.B.t', null, this.#tell.begin('consumer:B.t', '-'))
      if (this.#dice.next(2) === 0) return
    }
    const description = `t${++this.#life}`
    const config = { durable_name: 't', ack_policy: 'explicit', description }
    const made = this.#tell.begin('consumer:B.t', description)
    this.#world.api('CONSUMER.DURABLE.CREATE.B.t', { stream_name: 'B', config }, made)
    this.#isThere = true
  }
}
