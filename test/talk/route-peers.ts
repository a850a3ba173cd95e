// A server of a cluster written by hand, for conversations with ours and real nats-servers
// (reference 4.1 to 4.3). It speaks as servers before 2.10 do: one connection for all accounts.

import * as assert from 'uvu/assert'
import { until } from '../support/edge-leaf.ts'
import { dial, type Talk } from '../support/talk.ts'

export interface RoutePorts {
  readonly route: number
  readonly client: number
  readonly leaf: number
}

export interface RouteTalk {
  readonly name: string
  /** Of the whole server. */
  readonly config?: string
  /** Inside `cluster { … }`, beside `listen` and `name`; `nameless`: without one. */
  readonly cluster?: string
  /** Only nats-server from this version on says it so. */
  readonly since?: '2.10' | '2.15'
  run(at: RoutePorts): Promise<void>
}

export const nameless = 'no name'
export const nobody = { host: '127.0.0.1', port: 1 }

let peers = 0

export function greeting(fields: object): string {
  const base = { echo: true, verbose: false, pedantic: false, headers: true, cluster: 'C' }
  return `CONNECT ${JSON.stringify({ ...base, lnoc: true, lnocu: true, ...fields })}\r\n`
}

interface Peer {
  readonly talk: Talk
  readonly info: Record<string, unknown>
}

/** A peer that has said CONNECT and INFO. */
export async function greeted(
  port: number,
  info: object = {},
  connect: object = {},
): Promise<Peer> {
  const talk = await dial(port)
  const theirs = await talk.info()
  const id = `NPEER${peers++}`
  talk.send(greeting({ name: id, ...connect }))
  const base = { server_id: id, server_name: id, version: '2.9.25', proto: 2, cluster: 'C' }
  const ours = { ...base, ...nobody, headers: true, max_payload: 1048576, lnoc: true, lnocu: true }
  talk.send(`INFO ${JSON.stringify({ ...ours, ...info })}\r\n`)
  return { talk, info: theirs }
}

/** One that has been taken, and has heard what is wanted. */
export async function joined(port: number, info: object = {}, connect: object = {}): Promise<Talk> {
  const { talk } = await greeted(port, info, connect)
  await settled(talk)
  return talk
}

/** Interest comes in any order, PINGs and events when they like: goes past all that to `text`. */
export async function past(talk: Talk, text: string | RegExp): Promise<string> {
  const sought = text instanceof RegExp ? text.source : text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const line = '(?:[RL]S[+-] [^\\n]*|PING|PONG|INFO [^\\n]*)\\r\\n'
  const event = 'RMSG \\$SYS [^\\n]*\\n[^\\n]*\\r\\n'
  return talk.expect(new RegExp(`^(?:${line}|${event})*?${sought}`))
}

/** All that was said before has been taken; twice, as interest may follow a first PONG. */
export async function settled(talk: Talk): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    talk.send('PING\r\n')
    await past(talk, 'PONG\r\n')
  }
}

/** Nothing of the kind came before all was taken. */
export async function hearsNot(talk: Talk, what: RegExp): Promise<void> {
  talk.send('PING\r\n')
  const heard = await past(talk, 'PONG\r\n')
  assert.not.match(heard, what)
}

export async function ends(talk: Talk, last = ''): Promise<void> {
  if (last !== '') await past(talk, last)
  await until(() => talk.ended, 2000)
}

export async function spoke(port: number, cluster: string): Promise<Talk> {
  const talk = await dial(port)
  await talk.info()
  const fields = { version: '2.10.27', name: cluster, cluster, headers: true, remote_account: '$G' }
  talk.send(`CONNECT ${JSON.stringify(fields)}\r\n`)
  await settled(talk)
  return talk
}

/** Goes past INFOs until one names these addresses. */
export async function urlsBecome(client: Talk, urls: readonly string[]): Promise<void> {
  for (;;) {
    const info = await client.expect(/^(?:PING\r\n)*INFO [^\n]*\r\n/)
    const { connect_urls } = JSON.parse(info.slice(info.indexOf('INFO ') + 5))
    if (JSON.stringify(connect_urls) === JSON.stringify(urls)) return
  }
}
