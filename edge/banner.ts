// The first lines of the log, as nats-server 2.10 has them (reference section 9), with one of our
// own that names the product.

import { createHash } from 'node:crypto'
import { isHash } from '../src/account/hashes.ts'
import type { Server } from '../src/server/server.ts'
import type { EdgeOptions } from './options.ts'

export interface BannerLine {
  readonly level: 'info' | 'warn' | 'debug'
  readonly text: string
}

export function bannerLines(
  server: Pick<Server, 'id' | 'name' | 'version'>,
  options: EdgeOptions,
  productVersion: string,
  configFile: string | null,
): readonly BannerLine[] {
  const lines: BannerLine[] = []
  const info = (text: string) => lines.push({ level: 'info', text })
  const warn = (text: string) => lines.push({ level: 'warn', text })
  const debug = (text: string) => lines.push({ level: 'debug', text })
  info('Starting nats-server')
  info(`  Version:  ${server.version}`)
  info(`  Product:  nats-edge ${productVersion}`)
  debug(`  Node.js:  ${process.version}`)
  if (options.cluster?.name) info(`  Cluster:  ${options.cluster.name}`)
  info(`  Name:     ${server.name}`)
  if (options.jetstream) info(`  Node:     ${nodeHash(server.name)}`)
  info(`  ID:       ${server.id}`)
  if (hasPlainPasswords(options)) {
    warn('Plaintext passwords detected, use nkeys or bcrypt')
  }
  if (configFile !== null) info(`Using configuration file: ${configFile}`)
  if (!options.no_system_account) debug('Created system account: "$SYS"')
  return lines
}

/** Of clients; a password in a file or on a command line is read by more people than one thinks. */
function hasPlainPasswords({ authorization, accounts }: EdgeOptions): boolean {
  const isPlain = (secret: string | null | undefined) => secret != null && !isHash(secret)
  const users = [
    ...(authorization?.users ?? []),
    ...[...(accounts?.values() ?? [])].flatMap(account => account.users),
  ]
  if (isPlain(authorization?.password) || isPlain(authorization?.token)) return true
  return users.some(({ password }) => isPlain(password))
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Eight letters that stand for a server name; the same ones nats-server makes. */
export function nodeHash(name: string): string {
  const bytes = createHash('sha256').update(name).digest().subarray(0, 8)
  return Array.from(bytes, byte => digits[byte % digits.length]).join('')
}
