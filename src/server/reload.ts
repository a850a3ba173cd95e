// What changed between two configs, and whether it may change while we run. A reload is all or
// nothing: one option that needs a restart and the whole old config stays (reference 2.2).

import { isDeepStrictEqual } from 'node:util'
import type { Block, OptionRow } from './option.ts'

export type Changes =
  | {
      readonly is: 'allowed'
      /** One log line each: `<key> = <value>`, without secrets. */
      readonly texts: readonly string[]
    }
  | { readonly is: 'refused'; readonly text: string }

export function compareOptions(block: Block, before: object, after: object): Changes {
  const texts: string[] = []
  const refused = compare(block, before, after, '', texts)
  return refused === null ? { is: 'allowed', texts } : { is: 'refused', text: refused }
}

function compare(
  block: Block,
  before: object,
  after: object,
  path: string,
  texts: string[],
): string | null {
  for (const [name, row] of Object.entries(block)) {
    const old = optionOf(before, name)
    const now = optionOf(after, name)
    if (isDeepStrictEqual(old, now)) continue
    const full = path === '' ? name : `${path}.${name}`
    if (row.type !== 'unsupported' && row.type !== 'ignored' && row.reloadable) {
      texts.push(isPublic(row, path, now) ? `${full} = ${now}` : full)
    } else if (row.type === 'block' && isMap(old) && isMap(now)) {
      const refused = compare(row.block, old, now, full, texts)
      if (refused !== null) return refused
    } else {
      const field = ('field' in row ? row.field : undefined) ?? goName(full)
      const what = isPublic(row, path, now) ? `${field}: old=${old}, new=${now}` : field
      return `config reload not supported for ${what}`
    }
  }
  return null
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
