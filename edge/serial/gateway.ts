// The serial gateway: every configured port, published through the broker's door.
//
//   port -> frame -> reading -> post(account, { kind: 'serial' }, subject)
//   write subject -> sink -> port, answered `+OK` or `-ERR 'text'` when a reply is asked for

import type { Account } from '../../src/account/account.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { LocalSink, Message, Origin, Subscription } from '../../src/message.ts'
import { type OpenDevice, openDevice } from './device.ts'
import { type SerialOptions, type SerialPortOptions, subjectOf } from './options.ts'
import { Port } from './port.ts'
import { Stored } from './stored.ts'

export interface SerialGatewayInit {
  readonly options: SerialOptions
  /** Finds or makes the account of that name. */
  readonly account: (name: string) => Account
  readonly log: Log
  readonly clock: Clock
  /** Opens a device; the real thing unless given. */
  readonly open?: OpenDevice
}

const origin: Origin = { kind: 'serial', sink: null, echo: true, permissions: null }

export class SerialGateway {
  readonly #init: SerialGatewayInit
  #members: Member[] = []

  constructor(init: SerialGatewayInit) {
    this.#init = init
  }

  /** Resolves when every port was tried once. A port that cannot be opened is no failure. */
  async start(): Promise<void> {
    if (this.#members.length > 0) return
    this.#members = this.#init.options.ports.map(options => new Member(this.#init, options))
    await Promise.all(this.#members.map(member => member.start()))
  }

  async close(): Promise<void> {
    const members = this.#members
    this.#members = []
    await Promise.all(members.map(member => member.close()))
  }

  /** What monitoring shows. */
  view(): object {
    return { ports: this.#members.map(member => member.view()) }
  }
}

/** A port with its subjects: what it says is posted, what comes on its write subject is written. */
class Member implements LocalSink {
  readonly remote = false
  readonly port: Port
  readonly #account: Account
  readonly #write: Subscription | null
  readonly #stored: Stored

  constructor(init: SerialGatewayInit, options: SerialPortOptions) {
    const account = init.account(options.account)
    const subject = subjectOf(options.subject, options.name)
    const status = subjectOf(options.status_subject, options.name)
    const receipt = new Stored(options.name, init.log)
    this.#account = account
    this.#stored = receipt
    this.#write =
      options.write_subject === null
        ? null
        : newSubscription(subjectOf(options.write_subject, options.name), this)
    this.port = new Port({
      options,
      open: init.open ?? openDevice,
      clock: init.clock,
      log: init.log,
      events: {
        reading: payload => post(account, origin, { subject, payload, receipt }),
        status: payload => post(account, origin, { subject: status, payload }),
      },
    })
  }

  async start(): Promise<void> {
    if (this.#write) this.#account.subscribe(this.#write)
    await this.port.start()
  }

  async close(): Promise<void> {
    if (this.#write) this.#account.unsubscribe(this.#write)
    await this.port.close()
  }

  view(): object {
    const { stored, refused, lastRefusal } = this.#stored
    return { ...this.port.view(), stored, refused, last_refusal: lastRefusal }
  }

  deliver(message: Message): void {
    const reply = message.reply
    this.port.write(Buffer.from(payloadOf(message)), error => {
      if (reply === '') return
      const payload = Buffer.from(error === null ? '+OK' : `-ERR '${error}'`)
      post(this.#account, origin, { subject: reply, payload })
    })
  }
}
