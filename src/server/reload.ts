// What changed between two configs, and whether it may change while we run. A reload is all or
// nothing: one option that needs a restart and the whole old config stays (reference 2.2).

import { isDeepStrictEqual } from 'node:util'
import type { Block, OptionRow } from './option.ts'
import { fieldOf, placeInOrder, reloadLines, shownValue } from './reload-text.ts'

export type Changes =
  | {
      readonly is: 'allowed'
      /** Lines for the log, without secrets: `Reloaded: <key> = <value>`. */
      readonly texts: readonly string[]
    }
  | { readonly is: 'refused'; readonly text: string }

export function compareOptions(block: Block, before: object, after: object): Changes {
  const texts: string[] = []
  const rest = withException(before, after)
  const refused = compare(block, rest, after, '', texts)
  return refused === null ? { is: 'allowed', texts } : { is: 'refused', text: refused }
}

/**
 * no_auth_user may go together with its user: then those who came without credentials are cut
 * off anyway. While the user is there, who came as it could not stay what it is.
 */
function withException(before: object, after: object): object {
  const name = 'no_auth_user'
  const old = optionOf(before, name)
  const hasGone = typeof old === 'string' && optionOf(after, name) === null
  return hasGone && !listedUsers(after).includes(old) ? { ...before, [name]: null } : before
}

interface Listed {
  readonly users: readonly { readonly user: string | null; readonly nkey: string | null }[]
}

/** By name and password: as in nats-server not the single user, and no nkeys. */
function listedUsers(options: object): readonly (string | null)[] {
  const block = optionOf(options, 'authorization') as Listed | null
  const accounts = optionOf(options, 'accounts') as ReadonlyMap<string, Listed> | null
  return [block, ...(accounts?.values() ?? [])]
    .flatMap(one => one?.users ?? [])
    .map(one => (one.nkey === null ? one.user : null))
}

function compare(
  block: Block,
  before: object,
  after: object,
  path: string,
  texts: string[],
): string | null {
  const rows = Object.entries(block)
  if (path === '') rows.sort(([a], [b]) => placeInOrder(a) - placeInOrder(b))
  for (const [name, row] of rows) {
    const old = optionOf(before, name)
    const now = optionOf(after, name)
    const isRenewed = path === '' && name === 'tls' && isMap(now)
    if (isDeepStrictEqual(old, now) && !isRenewed) continue
    const full = path === '' ? name : `${path}.${name}`
    if (row.type !== 'unsupported' && row.type !== 'ignored' && row.reloadable) {
      texts.push(...linesOf(row, path, name, now, old))
    } else if (row.type === 'block' && isMap(old) && isMap(now)) {
      const refused = compare(row.block, old, now, full, texts)
      if (refused !== null) return refused
    } else {
      return `config reload not supported for ${refusal(row, path, name, now, old)}`
    }
  }
  return null
}

function linesOf(row: OptionRow, path: string, name: string, now: unknown, old: unknown) {
  const lines = path === '' ? reloadLines(name, now, old) : null
  if (lines !== null) return lines
  const full = path === '' ? name : `${path}.${name}`
  return [`Reloaded: ${isPublic(row, path, now) ? `${full} = ${now ?? ''}` : full}`]
}

function refusal(row: OptionRow, path: string, name: string, now: unknown, old: unknown): string {
  const full = path === '' ? name : `${path}.${name}`
  const field = ('field' in row ? row.field : undefined) ?? fieldName(path, name, full)
  const isPort = name === 'http' || name === 'https'
  if (!isPort && (!isPublic(row, path, now) || isMap(old))) return field
  return `${field}: old=${shownValue(name, old)}, new=${shownValue(name, now)}`
}

/** The field of the block at the top, and the option within it by its name in the file. */
function fieldName(path: string, name: string, full: string): string {
  if (path === '') return fieldOf(name) ?? goName(name)
  const top = path.split('.', 1)[0] as string
  return `${fieldOf(top) ?? goName(top)}.${full.slice(top.length + 1)}`
}

function optionOf(options: object, name: string): unknown {
  return (options as Record<string, unknown>)[name]
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Values inside blocks may be secrets; those at the top are not. */
function isPublic(row: OptionRow, path: string, value: unknown): boolean {
  return path === '' && row.type !== 'custom' && !isMap(value)
}

/** nats-server names the field of its options: server_name is ServerName. */
function goName(name: string): string {
  return name.replace(/(^|_)([a-z])/g, (_, _gap, letter: string) => letter.toUpperCase())
}
