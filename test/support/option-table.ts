// The option table of the README, made from the tables that the checker uses.
//
//   node test/support/option-table.ts           prints it
//   node test/support/option-table.ts --write   puts it between the README's markers, and writes
//                                               conf/reference.conf

import { readFileSync, writeFileSync } from 'node:fs'
import { edgeBlock } from '../../edge/options.ts'
import { formatDuration } from '../../src/server/duration.ts'
import type { Block, OptionRow } from '../../src/server/option.ts'
import { referenceConf, referencePath } from './reference-conf.ts'

const begin = /<!-- options:[^>]*-->\n/
const end = '<!-- /options -->'
const readme = new URL('../../README.md', import.meta.url)

/** One table for the top of the file and one for each block. */
export function optionTables(block: Block = edgeBlock, name = ''): string {
  const rows = Object.entries(block).filter(([, row]) => isShown(row))
  const lines = rows.map(([key, row]) => line(key, row))
  const title = name === '' ? '' : `**\`${name}\`**\n\n`
  const table = `| Option | Default | | |\n|---|---|---|---|\n${lines.join('')}`
  const inner = rows.flatMap(([key, row]) => {
    const nested = blockOf(row)
    return nested ? [optionTables(nested, name === '' ? key : `${name}.${key}`)] : []
  })
  const refused = name === '' ? refusedNames(block) : []
  const note = refused.length > 0 ? `\nRefused, with a reason: ${refused.join(', ')}.\n` : ''
  return [`${title}${table}${note}`, ...inner].join('\n')
}

/** The README with the present tables; null when it has no markers. */
export function withTables(text: string): string | null {
  const found = begin.exec(text)
  const stop = text.indexOf(end)
  if (!found || stop < 0) return null
  const head = text.slice(0, found.index + found[0].length)
  return `${head}\n${optionTables()}\n${text.slice(stop)}`
}

function isShown(row: OptionRow): boolean {
  return row.type !== 'unsupported' && row.type !== 'ignored'
}

function line(key: string, row: OptionRow): string {
  const names = [key, ...(row.aliases ?? [])].map(name => `\`${name}\``).join(', ')
  const reload = 'reloadable' in row && row.reloadable ? 'R' : ''
  return `| ${names} | ${defaultOf(row)} | ${reload} | ${row.about.replaceAll('|', '\\|')} |\n`
}

function defaultOf(row: OptionRow): string {
  if ('defaultText' in row && row.defaultText) return row.defaultText
  switch (row.type) {
    case 'block':
    case 'blocks':
      return ''
    case 'unsupported':
    case 'ignored':
      return ''
    case 'duration':
      return row.default === null
        ? ''
        : `"${formatDuration(row.default).replace(/(?<=[hm])0s$/, '')}"`
    case 'size':
      return row.default === null ? '' : sizeText(row.default)
    default:
      return plain(row.default)
  }
}

function plain(value: unknown): string {
  if (value === null || value === '') return ''
  if (Array.isArray(value)) return value.length === 0 ? '' : value.join(', ')
  return typeof value === 'object' ? '' : String(value)
}

function sizeText(bytes: number): string {
  if (bytes !== 0 && bytes % 1_048_576 === 0) return `${bytes / 1_048_576}MB`
  return bytes !== 0 && bytes % 1024 === 0 ? `${bytes / 1024}KB` : String(bytes)
}

function blockOf(row: OptionRow): Block | undefined {
  // Everything in it is without effect.
  if (row === edgeBlock.cluster) return undefined
  return row.type === 'block' || row.type === 'blocks' || row.type === 'custom'
    ? row.block
    : undefined
}

function refusedNames(block: Block): string[] {
  return Object.entries(block)
    .filter(([, row]) => row.type === 'unsupported')
    .map(([name]) => `\`${name}\``)
}

if (import.meta.main) {
  if (process.argv[2] === '--write') {
    const text = withTables(readFileSync(readme, 'utf8'))
    if (text === null) throw new Error('README.md has no option markers')
    writeFileSync(readme, text)
    writeFileSync(referencePath, referenceConf())
  } else {
    process.stdout.write(optionTables())
  }
}
