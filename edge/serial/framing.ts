// `framing` in the config file: one word, or a block whose `by` says which keys belong to it.

import type { ConfNode, Report } from '../../src/server/option.ts'
import { parseDurationMs } from '../../src/server/duration.ts'
import type { Framing } from './frame.ts'

const line: Framing = { by: 'line' }

/**
 * A smart meter's P1 port (DSMR 4 and 5): a telegram begins at `/` and ends with the line of `!`
 * and its CRC.
 */
const dsmr: Framing = {
  by: 'markers',
  start: Buffer.from('/'),
  end: Buffer.from('!'),
  tail: 'line',
  restart: true,
}

const markerBytesMax = 64
const tailBytesMax = 64
const lengthBytesMax = 1_048_576
const silenceMsMax = 3_600_000

const keysOf: Readonly<Record<Framing['by'], readonly string[]>> = {
  line: [],
  delimiter: ['delimiter'],
  markers: ['start', 'end', 'tail', 'restart'],
  length: ['length_bytes', 'silence'],
  silence: ['silence'],
}

export function readFraming(node: ConfNode, report: Report): Framing {
  if (node.is === 'string') return readWord(node, report)
  if (node.is !== 'map') {
    report.error(node.place, 'framing must be line, dsmr or a block with by')
    return line
  }
  const by = nodeOf(node, 'by')
  const name = by?.is === 'string' ? by.value.toLowerCase() : ''
  if (!isFramingName(name)) {
    const names = Object.keys(keysOf).join(', ')
    report.error((by ?? node).place, `framing by must be one of ${names}`)
    return line
  }
  const allowed = keysOf[name]
  for (const entry of node.entries.values()) {
    const key = entry.key.toLowerCase()
    if (key === 'by' || allowed.includes(key) || entry.referenced) continue
    report.error(entry.keyPlace, `unknown field "${entry.key}"`)
  }
  return readBlock(name, new Fields(node, report))
}

function isFramingName(name: string): name is Framing['by'] {
  return Object.hasOwn(keysOf, name)
}

function readWord(node: ConfNode & { is: 'string' }, report: Report): Framing {
  const word = node.value.toLowerCase()
  if (word === 'line') return line
  if (word === 'dsmr') return dsmr
  report.error(node.place, `framing "${node.value}" is neither line nor dsmr nor a block`)
  return line
}

function readBlock(by: Framing['by'], fields: Fields): Framing {
  switch (by) {
    case 'line':
      return line
    case 'delimiter':
      return { by, delimiter: fields.bytes('delimiter') }
    case 'markers':
      return {
        by,
        start: fields.bytes('start'),
        end: fields.bytes('end'),
        tail: fields.tail(),
        restart: fields.flag('restart', true),
      }
    case 'length':
      return {
        by,
        lengthBytes: fields.integer('length_bytes', 1, lengthBytesMax),
        silenceMs: fields.optionalMs('silence'),
      }
    case 'silence':
      return { by, silenceMs: fields.requiredMs('silence') }
    default:
      return by satisfies never
  }
}

/** The entries of one framing block; reports what is missing or wrong at its place. */
class Fields {
  readonly #map: ConfNode & { is: 'map' }
  readonly #report: Report

  constructor(map: ConfNode & { is: 'map' }, report: Report) {
    this.#map = map
    this.#report = report
  }

  /** A byte string: one character is one byte. */
  bytes(key: string): Buffer {
    const node = this.#node(key)
    const text = node?.is === 'string' ? node.value : ''
    const good = text.length > 0 && text.length <= markerBytesMax && isBytes(text)
    if (!good) this.#wrong(key, `a string of 1 to ${markerBytesMax} characters up to \\xFF`)
    return Buffer.from(good ? text : '\n', 'latin1')
  }

  tail(): number | 'line' {
    const node = this.#node('tail')
    if (!node) return 0
    if (node.is === 'string' && node.value.toLowerCase() === 'line') return 'line'
    if (node.is === 'integer' && node.value >= 0 && node.value <= tailBytesMax) return node.value
    this.#wrong('tail', `line or 0 to ${tailBytesMax} bytes`)
    return 0
  }

  flag(key: string, otherwise: boolean): boolean {
    const node = this.#node(key)
    if (!node) return otherwise
    if (node.is === 'boolean') return node.value
    this.#wrong(key, 'true or false')
    return otherwise
  }

  integer(key: string, min: number, max: number): number {
    const node = this.#node(key)
    if (node?.is === 'integer' && node.value >= min && node.value <= max) return node.value
    this.#wrong(key, `${min} to ${max}`)
    return min
  }

  requiredMs(key: string): number {
    const ms = this.optionalMs(key)
    if (!this.#node(key)) this.#wrong(key, 'a duration such as 20ms')
    return ms === 0 ? 1 : ms
  }

  /** 0 when absent. */
  optionalMs(key: string): number {
    const node = this.#node(key)
    if (!node) return 0
    const ms = node.is === 'string' ? parseDurationMs(node.value) : null
    if (ms !== null && ms >= 1 && ms <= silenceMsMax) return ms
    this.#wrong(key, 'a duration from 1ms to 1h')
    return 0
  }

  #node(key: string): ConfNode | undefined {
    return nodeOf(this.#map, key)
  }

  #wrong(key: string, wanted: string): void {
    const place = (this.#node(key) ?? this.#map).place
    this.#report.error(place, `framing needs ${key}: ${wanted}`)
  }
}

/** Keys are matched in any case, as everywhere in the file. */
function nodeOf(map: ConfNode & { is: 'map' }, key: string): ConfNode | undefined {
  for (const entry of map.entries.values()) {
    if (entry.key.toLowerCase() === key) return entry.node
  }
  return undefined
}

function isBytes(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false
  return true
}
