// The pid file and the ports file. Rule: reference sections 1.1 and 1.4.

import { rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'

/** Decimal, without a line end; stays when the process is gone, as nats-server's does. */
export function writePidFile(path: string, pid: number): void {
  writeFileSync(path, String(pid), { mode: 0o660 })
}

export interface Ports {
  /** Where clients connect. */
  readonly nats: { readonly host: string; readonly port: number }
  readonly monitoring: {
    readonly host: string
    readonly port: number
    readonly tls: boolean
  } | null
  /** Where V8's profiles are served. */
  readonly profile?: { readonly host: string; readonly port: number } | null
  readonly tls: boolean
  readonly websocket: {
    readonly host: string
    readonly port: number
    readonly tls: boolean
  } | null
}

/** Removed by the function it returns. */
export function writePortsFile(dir: string, program: string, pid: number, ports: Ports) {
  const path = join(dir, `${program}_${pid}.ports`)
  const { websocket, monitoring } = ports
  const scheme = ports.tls ? 'tls' : 'nats'
  const lists: Record<string, readonly string[]> = {
    nats: urls(scheme, ports.nats),
    ...(monitoring ? { monitoring: urls(monitoring.tls ? 'https' : 'http', monitoring) } : {}),
    ...(ports.profile ? { profile: urls('http', ports.profile) } : {}),
    ...(websocket ? { websocket: urls(websocket.tls ? 'wss' : 'ws', websocket) } : {}),
  }
  writeFileSync(path, JSON.stringify(lists), { mode: 0o644 })
  return () => rmSync(path, { force: true })
}

/** A wildcard host stands for every address of this machine. */
function urls(scheme: string, { host, port }: Ports['nats']): string[] {
  const isWild = host === '0.0.0.0' || host === '::' || host === ''
  const hosts = isWild ? addresses() : [host]
  return hosts.map(address => `${scheme}://${bracketed(address)}:${port}`)
}

function addresses(): string[] {
  return Object.values(networkInterfaces()).flatMap(list =>
    (list ?? [])
      .filter(({ address }) => !address.startsWith('fe80:'))
      .map(({ address }) => address),
  )
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
