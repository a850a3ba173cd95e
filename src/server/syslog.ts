// The log as syslog messages: to the syslog of this machine or to a server far away.
//
// A server is reached by UDP or TCP; a line there is as Go's log/syslog writes it:
// `<5>2006-01-02T15:04:05+01:00 host tag[pid]: text` (the form of RFC 3164, the time of RFC 5424),
// with facility 0, as nats-server sets none there. Node has no datagram sockets of the Unix kind,
// so this machine's syslog is reached through logger(1) of util-linux, which stays, reads lines
// with their priority from a pipe, and writes the head of the line itself; facility daemon.
//
// Nothing here waits: what does not fit in `waitingBytesMax` is dropped and counted. A connection
// that breaks, or a logger that ends, is begun anew after a pause.

import type { ChildProcess } from 'node:child_process'
import type { Socket as UdpSocket } from 'node:dgram'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { hostname } from 'node:os'

const require = createRequire(import.meta.url)

export const waitingBytesMax = 1_048_576
const redialMs = 1000
/** The largest datagram sent: past it the network drops it whole. */
const datagramBytesMax = 8192
const localFacility = 3 << 3

export type Severity = 'crit' | 'err' | 'warning' | 'notice' | 'debug'

const severities: Readonly<Record<Severity, number>> = {
  crit: 2,
  err: 3,
  warning: 4,
  notice: 5,
  debug: 7,
}

export type SyslogPlace =
  | { readonly is: 'local' }
  | { readonly is: 'udp' | 'tcp'; readonly host: string; readonly port: number }

export interface SyslogParts {
  readonly place: SyslogPlace
  readonly tag: string
  readonly pid: number
  readonly wallMs: () => number
  /** For tests; `logger` otherwise. */
  readonly program?: string
}

/** `udp://host:514`; a text when it is not one. The port must be there, as nats-server demands. */
export function parseSyslog(url: string): SyslogPlace | string {
  const found = /^([a-z][a-z0-9+.-]*):\/\/(?:\[([^\]]+)\]|([^:/]*)):(\d{1,5})\/?$/i.exec(url)
  if (!found) {
    const scheme = /^([a-z]+):/i.exec(url)?.[1]?.toLowerCase()
    if (scheme === 'unix' || scheme === 'unixgram') {
      return 'remote_syslog over a Unix socket is not supported by nats-edge: use syslog'
    }
    return `cannot read remote_syslog "${url}": expected udp://host:port or tcp://host:port`
  }
  const is = (found[1] as string).toLowerCase()
  const port = Number(found[4])
  if (is !== 'udp' && is !== 'tcp') return `error invalid network type: "${is}"`
  if (port < 1 || port > 65_535) return `port ${port} is out of range`
  return { is, host: found[2] ?? (found[3] || 'localhost'), port }
}

export class Syslog {
  readonly #parts: SyslogParts
  readonly #host = hostname()
  #child: ChildProcess | null = null
  #udp: UdpSocket | null = null
  #tcp: Socket | null = null
  #redial: NodeJS.Timeout | null = null
  #dropped = 0
  #closed = false

  constructor(parts: SyslogParts) {
    this.#parts = parts
  }

  /** Lines that found no way out. */
  get dropped(): number {
    return this.#dropped
  }

  start(): void {
    const { place } = this.#parts
    if (place.is === 'local') this.#spawn()
    else if (place.is === 'tcp') this.#dial()
    else this.#bind()
  }

  add(severity: Severity, text: string): void {
    if (this.#closed) return
    const line = this.#line(severity, text)
    if (this.#udp !== null) {
      const { host, port } = this.#parts.place as { host: string; port: number }
      const bytes = Buffer.from(line).subarray(0, datagramBytesMax)
      if (this.#udp.getSendQueueSize() > waitingBytesMax) this.#dropped++
      else this.#udp.send(bytes, port, host, error => error && this.#dropped++)
      return
    }
    const way = this.#tcp ?? this.#child?.stdin
    if (!way?.writable || way.writableLength > waitingBytesMax) this.#dropped++
    else way.write(line)
  }

  /** What was added goes out, within a short time. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#redial) clearTimeout(this.#redial)
    const udp = this.#udp
    // A datagram on its way has a host name to look up first.
    if (udp) await settled(done => void this.#drainUdp(udp, done))
    const way = this.#tcp ?? this.#child?.stdin
    if (way?.writable) await settled(done => way.end(done))
    const child = this.#child
    if (child && child.exitCode === null) await settled(done => child.once('exit', () => done()))
    this.#tcp?.destroy()
    child?.kill()
  }

  #drainUdp(udp: UdpSocket, done: () => void): void {
    if (udp.getSendQueueCount() === 0) {
      udp.close()
      done()
    } else setTimeout(() => this.#drainUdp(udp, done), 5)
  }

  #line(severity: Severity, text: string): string {
    const { tag, pid, place, wallMs } = this.#parts
    const time = new Date(wallMs())
    const level = severities[severity]
    if (place.is === 'local') return `<${localFacility | level}>${text}\n`
    return `<${level}>${rfc3339(time)} ${this.#host} ${tag}[${pid}]: ${text}\n`
  }

  #spawn(): void {
    const { program = 'logger', tag, pid } = this.#parts
    // Not imported at the top: most brokers never need it, and every module costs memory.
    const { spawn } = require('node:child_process') as typeof import('node:child_process')
    const args = [`--id=${pid}`, '--tag', tag, '--priority', 'daemon.notice', '--prio-prefix']
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    this.#child = child
    child.on('error', () => this.#gone(() => this.#spawn()))
    child.on('exit', () => this.#gone(() => this.#spawn()))
    child.stdin?.on('error', () => {})
    child.unref()
    ;(child.stdin as unknown as { unref?: () => void })?.unref?.()
  }

  #bind(): void {
    const { createSocket } = require('node:dgram') as typeof import('node:dgram')
    const { host } = this.#parts.place as { host: string }
    const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    // Nobody listens there: datagrams are lost, as datagrams are.
    udp.on('error', () => {})
    udp.unref()
    this.#udp = udp
  }

  #dial(): void {
    const { connect } = require('node:net') as typeof import('node:net')
    const { host, port } = this.#parts.place as { host: string; port: number }
    const tcp = connect({ host, port })
    this.#tcp = tcp
    tcp.setNoDelay(true)
    tcp.unref()
    tcp.resume()
    tcp.on('error', () => {})
    tcp.on('close', () => this.#gone(() => this.#dial()))
  }

  /** Tries again after a pause; meanwhile lines are dropped and counted. */
  #gone(again: () => void): void {
    this.#child = null
    this.#tcp = null
    if (this.#closed || this.#redial) return
    this.#redial = setTimeout(() => {
      this.#redial = null
      again()
    }, redialMs)
    this.#redial.unref()
  }
}

const closeMsMax = 500

function settled(wait: (done: () => void) => void): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, closeMsMax)
    wait(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** 2006-01-02T15:04:05+01:00, in local time. */
function rfc3339(time: Date): string {
  const offset = -time.getTimezoneOffset()
  const local = new Date(time.getTime() + offset * 60_000).toISOString().slice(0, 19)
  if (offset === 0) return `${local}Z`
  const two = (value: number) => String(Math.floor(Math.abs(value))).padStart(2, '0')
  return `${local}${offset < 0 ? '-' : '+'}${two(offset / 60)}:${two(offset % 60)}`
}
