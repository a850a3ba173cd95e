// conf/reference.conf: every option with its default, its other names and its sentence, made from the
// tables that the checker uses.
//
//   node test/support/reference-conf.ts           prints it
//   node test/support/reference-conf.ts --write   writes conf/reference.conf

import { writeFileSync } from 'node:fs'
import { edgeBlock } from '../../edge/options.ts'
import { formatDuration } from '../../src/server/duration.ts'
import type { Block, OptionRow } from '../../src/server/option.ts'

export const referencePath = new URL('../../conf/reference.conf', import.meta.url)

const head = `## nats-edge: every option, with its default.
##
## Lines with two # explain. To set an option, take away its #, and those of the block around it.
## [R] may change while it runs (kill -HUP). Made from the program's own table by
## test/support/reference-conf.ts; conf/nats-edge.conf is an example to start from.

port: 4222
`

export function referenceConf(): string {
  return `${head}${blockText(edgeBlock, '')}`
}

function blockText(block: Block, indent: string): string {
  return Object.entries(block)
    .flatMap(([name, row]) => (isShown(row) ? [rowText(name, row, indent)] : []))
    .join('')
}

function isShown(row: OptionRow): boolean {
  return row.type !== 'unsupported' && row.type !== 'ignored'
}

function rowText(name: string, row: OptionRow, indent: string): string {
  const aliases = row.aliases?.length ? ` Also ${row.aliases.join(', ')}.` : ''
  const reload = 'reloadable' in row && row.reloadable ? ' [R]' : ''
  const about = `\n${prose(`${row.about}${aliases}${defaultNote(row)}${reload}`, indent)}`
  const inner = 'block' in row ? row.block : undefined
  if (!inner) return `${about}#${indent}${name}: ${valueText(row)}\n`
  const [open, close] = brackets(name, row)
  const body = blockText(inner, `${indent}  `)
  return `${about}#${indent}${name}${open}\n${body}#${indent}${close}\n`
}

function brackets(name: string, row: OptionRow): readonly [string, string] {
  if (name === 'accounts') return [' { NAME {', '} }']
  const isList = row.type === 'blocks' || ('default' in row && Array.isArray(row.default))
  return isList && name !== 'mappings' ? [': [ {', '} ]'] : [' {', '}']
}

/** Comment lines of at most 100 columns. */
function prose(text: string, indent: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1] as string
    if (last.length + word.length + indent.length > 94) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines.map(line => `## ${indent}${line}\n`).join('')
}

/** What the default means where the value itself does not say it. */
function defaultNote(row: OptionRow): string {
  if (!('defaultText' in row) || !row.defaultText) return ''
  return row.defaultText === 'required' ? ' Required.' : ` Default: ${row.defaultText}.`
}

function valueText(row: OptionRow): string {
  const value = 'default' in row ? row.default : null
  switch (row.type) {
    case 'duration':
      return `"${formatDuration(value ?? 0).replace(/(?<=[hm])0s$/, '')}"`
    case 'size':
      return sizeText(value ?? 0)
    case 'integer':
    case 'number':
      return String(value ?? 0)
    case 'listen':
      return '"127.0.0.1:0"'
    default:
      return plainText(value)
  }
}

function plainText(value: unknown): string {
  if (value === null || value === undefined) return '""'
  if (typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(plainText).join(', ')}]`
  const entries = Object.entries(value as object).map(([key, one]) => `${key}: ${plainText(one)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

function sizeText(bytes: number): string {
  if (bytes !== 0 && bytes % 1_048_576 === 0) return `${bytes / 1_048_576}MB`
  return bytes !== 0 && bytes % 1024 === 0 ? `${bytes / 1024}KB` : String(bytes)
}

if (import.meta.main) {
  if (process.argv[2] === '--write') writeFileSync(referencePath, referenceConf())
  else process.stdout.write(referenceConf())
}
