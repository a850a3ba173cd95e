// How the server itself speaks: into the system account, or into an account about it. Nothing is
// built that nobody would hear: ask `hears` first, it is one lookup in the cache of matches.

import type { Account } from '../account/account.ts'
import { post } from '../broker/post.ts'
import type { LocalSink, Origin } from '../message.ts'
import { toJson } from '../monitor/json.ts'
import type { SystemHost } from './host.ts'

export const systemOrigin: Origin = { kind: 'system', sink: null, echo: true, permissions: null }

export class Voice {
  /** Messages so far. */
  said = 0
  readonly #host: SystemHost

  constructor(host: SystemHost) {
    this.#host = host
  }

  /** Does anybody but `except` listen, here or at a peer? */
  hears(subject: string, account = this.#host.account, except: LocalSink | null = null): boolean {
    const { plain, groups } = account.sublist.match(subject)
    return groups.length > 0 || plain.some(({ sink }) => sink !== except)
  }

  /** Publishes an object as JSON. */
  say(subject: string, body: object, account = this.#host.account): void {
    this.send(account, subject, Buffer.from(toJson(body, 0)))
  }

  send(account: Account, subject: string, payload: Buffer, headers?: Buffer, reply = ''): void {
    this.said++
    this.#trace(subject, reply, payload, headers)
    post(account, systemOrigin, { subject, reply, payload, ...(headers ? { headers } : {}) })
  }

  /** As nats-server shows its own system client under -VV. */
  #trace(subject: string, reply: string, payload: Buffer, headers?: Buffer): void {
    const { log } = this.#host
    if (!log.traceOn || !this.#host.tracesSystem()) return
    const bytes = payload.length + (headers?.length ?? 0)
    log.trace(`SYSTEM - <<- [PUB ${subject} ${reply} ${bytes}]`)
    const shown = payload.subarray(0, tracedBytesMax).toString()
    const rest = payload.length > tracedBytesMax ? '...' : ''
    log.trace(`SYSTEM - <<- MSG_PAYLOAD: [${JSON.stringify(shown + rest)}]`)
  }
}

const tracedBytesMax = 4096
