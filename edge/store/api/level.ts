// The level of the JetStream API (ADR-44): what we have, what an asset needs, what a requester
// demands. Assets carry the level they need in their metadata; the version and the level of the
// server are added when they are shown, and never stored.

import { apiLevel, protocolVersion } from '../../../src/server/version.ts'
import { headerOf } from '../headers.ts'

export type Metadata = Readonly<Record<string, string>>

const requiredKey = '_nats.req.level'
const versionKey = '_nats.ver'
const levelKey = '_nats.level'

/** What is stored: the client's labels and the level needed, whatever the client says of it. */
export function storedMetadata(metadata: Metadata | undefined, requiredLevel: number): Metadata {
  return sorted({ ...comparableMetadata(metadata), [requiredKey]: String(requiredLevel) })
}

/** What answers show besides: who we are. */
export function shownMetadata(metadata: Metadata | undefined): Metadata {
  return sorted({
    ...metadata,
    [versionKey]: protocolVersion,
    [levelKey]: String(apiLevel),
  })
}

/** Labels as a client set them, for comparing: what versions add does not count. */
export function comparableMetadata(metadata: Metadata | undefined): Metadata {
  const labels: Record<string, string> = { ...metadata }
  for (const key of [requiredKey, versionKey, levelKey]) delete labels[key]
  return sorted(labels)
}

/** The level an asset needs, when it is more than we have; null: we can serve it. */
export function unsupportedLevel(metadata: Metadata | undefined): string | null {
  const level = metadata?.[requiredKey] ?? ''
  if (level === '') return null
  return isWithin(level) ? null : level
}

/**
 * Does the request demand (`Nats-Required-Api-Level`) more than we have? A source of 2.15 demands
 * level 5 for nothing but the identity of its origin, which we tell.
 */
export function demandsMore(headers: Buffer): boolean {
  if (headers.length === 0) return false
  const level = headerOf(headers, 'Nats-Required-Api-Level')
  if (level === '' || isWithin(level)) return false
  return level !== identityLevel || headers.indexOf('\r\nNats-Stream-Identity:') < 0
}

const identityLevel = '5'

function isWithin(level: string): boolean {
  return /^[+-]?\d{1,15}$/.test(level) && Number(level) <= apiLevel
}

/** Go prints maps in the order of their keys. */
function sorted(labels: Metadata): Metadata {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}
