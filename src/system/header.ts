// The `server` block of every event and answer: who says so, and the how-manieth thing it says.
// Field names and order are nats-server's (captured from 2.10 and 2.15).

import { timeText } from '../monitor/json.ts'
import type { SystemHost } from './host.ts'

/** Bits of `flags`; the others are about clusters of JetStream servers. */
const jetstreamFlag = 1

export interface ServerId {
  readonly name: string
  readonly host: string
  readonly id: string
}

export interface ServerBlock extends ServerId {
  readonly cluster?: string
  readonly domain?: string
  readonly ver: string
  readonly tags?: readonly string[]
  readonly jetstream: boolean
  readonly flags: number
  readonly seq: number
  readonly time: string
}

export class Header {
  readonly #host: SystemHost
  #seq = 0

  constructor(host: SystemHost) {
    this.#host = host
  }

  /** What never changes. */
  id(): ServerId {
    const { server } = this.#host.sources
    return { name: server.name, host: server.address.host, id: server.id }
  }

  /** The block for one message; each has a number of its own. */
  next(): ServerBlock {
    const { sources, clock, domain, hasJetStream } = this.#host
    const { server_tags: tags } = sources.server.options
    const cluster = this.#host.cluster()
    return {
      ...this.id(),
      ...(cluster === '' ? {} : { cluster }),
      ...(domain === '' ? {} : { domain }),
      ver: sources.server.version,
      ...(tags.length === 0 ? {} : { tags }),
      jetstream: hasJetStream,
      flags: hasJetStream ? jetstreamFlag : 0,
      seq: ++this.#seq,
      time: timeText(clock.wallMs()),
    }
  }
}
