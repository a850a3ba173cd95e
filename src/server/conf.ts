// Parses a config file in nats-server's grammar into a tree of nodes with places.
//
// Guarantees: never throws; one error with its place, or the whole tree; bounded in size, depth,
// files and in what variables expand to, so a hostile file costs no more than a clumsy one.
// Rule: reference section 2.1. More lenient than nats-server: a byte-order mark, `]` right after
// a number (an error there, or a string), an absolute include path, a bare `1m30s`. Stricter: a
// key without a value, a stray `}` at the end.

import { dirname, isAbsolute, join, resolve } from 'node:path'
import { readScalar, readUntil } from './conf-scalar.ts'
import { ConfError, ConfText, isLineEnd, isSpace, show } from './conf-text.ts'
import type { ConfEntry, ConfNode, Place } from './option.ts'

export const fileBytesMax = 1_048_576
export const totalBytesMax = 4 * 1_048_576
export const includeDepthMax = 16
export const includesMax = 256
export const nestingMax = 64
/** Values in the tree once every variable stands where it is used. */
export const nodesMax = 200_000

export interface ConfSource {
  /** The text of a file, or why it cannot be read: `open x: no such file or directory`. */
  readonly read: (path: string) => string | Error
  readonly env: Readonly<Record<string, string | undefined>>
}

export type ConfMap = Extract<ConfNode, { is: 'map' }>

export interface Problem {
  readonly place: Place
  readonly text: string
}

export type Parsed =
  | { readonly is: 'parsed'; readonly root: ConfMap }
  | { readonly is: 'failed'; readonly problem: Problem }

export function parseConfFile(file: string, source: ConfSource): Parsed {
  return attempt(() => new Reading(source).file(file, file, []))
}

/** Parses text that stands in no file; includes are relative to the working directory. */
export function parseConfText(text: string, source: ConfSource, file = ''): Parsed {
  return attempt(() => new Reading(source).text(file, text, []))
}

function attempt(read: () => ConfMap): Parsed {
  try {
    return { is: 'parsed', root: read() }
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    return { is: 'failed', problem: { place: error.place, text: error.message } }
  }
}

/** An entry while its map may still be referred to. */
type Entry = { -readonly [K in keyof ConfEntry]: ConfEntry[K] }
type Entries = Map<string, Entry>

/** What all files of one config share: the bounds and the environment. */
class Reading {
  readonly source: ConfSource
  readonly #weights = new WeakMap<ConfNode, number>()
  readonly #envNames = new Set<string>()
  #bytes = 0
  #files = 0

  constructor(source: ConfSource) {
    this.source = source
  }

  file(path: string, shown: string, chain: readonly string[]): ConfMap {
    const start: Place = { file: shown, line: 1, column: 1 }
    const absolute = resolve(path)
    if (chain.includes(absolute)) throw new ConfError(start, 'the file includes itself', true)
    if (chain.length > includeDepthMax) {
      throw new ConfError(start, `includes nest deeper than ${includeDepthMax}`, true)
    }
    if (++this.#files > includesMax + 1) {
      throw new ConfError(start, `more than ${includesMax} includes`, true)
    }
    const text = this.source.read(path)
    // The message names the file.
    if (text instanceof Error) throw new ConfError({ ...start, file: '' }, text.message, true)
    return this.text(shown, text, [...chain, absolute])
  }

  text(file: string, text: string, chain: readonly string[]): ConfMap {
    this.#bytes += text.length
    if (text.length > fileBytesMax || this.#bytes > totalBytesMax) {
      throw new ConfError({ file, line: 1, column: 1 }, 'the configuration is too large', true)
    }
    // Editors on Windows write a byte-order mark; boot partitions are edited there.
    const cursor = new ConfText(file, text.startsWith('\ufeff') ? text.slice(1) : text)
    const zero = cursor.text.indexOf('\0')
    if (zero >= 0) cursor.fail('Unexpected NUL character', zero)
    return new Parser(cursor, this, chain).root()
  }

  /** The value an environment variable holds, parsed as if it stood in the file. */
  env(name: string): ConfNode | undefined {
    const text = this.source.env[name]
    if (text === undefined) return undefined
    if (this.#envNames.has(name)) {
      throw new ConfError(
        { file: '', line: 1, column: 1 },
        `variable reference cycle for '${name}'`,
      )
    }
    this.#envNames.add(name)
    const root = this.text(`$${name}`, `pk=${text}`, [])
    this.#envNames.delete(name)
    return root.entries.get('pk')?.node
  }

  /** Counts what a node holds, variables expanded. */
  weigh(node: ConfNode, parts: Iterable<ConfNode>): ConfNode {
    let weight = 1
    for (const part of parts) weight += this.#weights.get(part) ?? 1
    if (weight > nodesMax) {
      throw new ConfError(node.place, `more than ${nodesMax} values in the configuration`)
    }
    this.#weights.set(node, weight)
    return node
  }

  /** The same value at another place. */
  moved(node: ConfNode, place: Place): ConfNode {
    const copy = { ...node, place }
    this.#weights.set(copy, this.#weights.get(node) ?? 1)
    return copy
  }
}

/** One file. */
class Parser {
  readonly #text: ConfText
  readonly #reading: Reading
  readonly #chain: readonly string[]
  /** The maps around what is being read, outermost first: where variables are looked up. */
  readonly #scopes: Entries[] = []
  #nesting = 0

  constructor(text: ConfText, reading: Reading, chain: readonly string[]) {
    this.#text = text
    this.#reading = reading
    this.#chain = chain
  }

  root(): ConfMap {
    const place = this.#text.place(0)
    const entries: Entries = new Map()
    this.#scopes.push(entries)
    this.#entries(entries, false)
    return this.#map(place, entries)
  }

  /** Entries up to the end of the text, or up to the `}` of the map they stand in. */
  #entries(into: Entries, inMap: boolean): void {
    const text = this.#text
    for (;;) {
      text.skipFiller()
      if (text.ended) {
        if (inMap) text.fail('Unexpected EOF processing map.')
        return
      }
      if (text.next === '}' && inMap) {
        text.at++
        return
      }
      // Braces around a whole file, as JSON has them.
      if (text.next === '{' && !inMap) this.#nested(() => this.#entries(into, true))
      else this.#entry(into, inMap)
      this.#entryEnd(inMap)
    }
  }

  #entry(into: Entries, inMap: boolean): void {
    const text = this.#text
    const place = text.place()
    const bare = text.next !== '"' && text.next !== "'"
    const key = bare ? this.#bareKey() : readUntil(text, text.next)
    if (bare && key.toLowerCase() === 'include' && isSpace(text.next)) {
      this.#include(into)
      return
    }
    text.skipSpace()
    if (text.next === ':' || text.next === '=') {
      text.at++
      if (inMap) text.skipSpace()
    }
    text.skipBlanks()
    if (text.ended) throw new ConfError(place, `config is invalid: "${key}" has no value`)
    this.#set(into, key, place, this.#value(place))
  }

  #bareKey(): string {
    const text = this.#text
    const c = text.next
    if (c === ':' || c === '=') text.fail(`Unexpected key separator '${c}'.`)
    if (c === ']') text.fail("Unexpected array end ']' processing map.")
    if (c === ',' || c === ';' || c === '}') text.fail(`Expected a key but got '${c}'.`)
    return text.take(/[^:=\s\u0085]+/y)
  }

  #set(into: Entries, key: string, place: Place, node: ConfNode): void {
    // Errors are more useful at the key; nats-server places them there too.
    const entry = {
      key,
      keyPlace: place,
      node: this.#reading.moved(node, place),
      referenced: false,
    }
    into.set(key, entry)
  }

  #entryEnd(inMap: boolean): void {
    const text = this.#text
    text.skipBlanks()
    const c = text.next
    if (c === '' || isLineEnd(c) || text.atComment()) return
    if (c === ',' || c === ';') text.at++
    else if (inMap && c !== '}') {
      text.fail(
        "Expected a map value terminator ',' or a map terminator '}', " +
          `but got '${show(c)}' instead.`,
      )
    } else if (!inMap) {
      text.fail(
        'Expected a top-level value to end with a new line, comment or EOF, ' +
          `but got '${show(c)}' instead.`,
      )
    }
  }

  #value(keyPlace?: Place): ConfNode {
    const text = this.#text
    const place = text.place()
    if (text.next === '[') return this.#nested(() => this.#list(place))
    if (text.next === '{') {
      return this.#nested(() => {
        const entries: Entries = new Map()
        this.#scopes.push(entries)
        this.#entries(entries, true)
        this.#scopes.pop()
        return this.#map(place, entries)
      })
    }
    const scalar = readScalar(text)
    if (scalar.is === 'variable') return this.#variable(scalar.name, keyPlace ?? place)
    return { ...scalar, place }
  }

  #map(place: Place, entries: Entries): ConfMap {
    const node: ConfMap = { is: 'map', entries, place }
    const parts = [...entries.values()].map(entry => entry.node)
    this.#reading.weigh(node, parts)
    return node
  }

  #list(place: Place): ConfNode {
    const text = this.#text
    const items: ConfNode[] = []
    for (;;) {
      text.skipFiller()
      if (text.ended) text.fail('Unexpected EOF processing array.')
      if (text.next === ']') break
      if (text.next === ',') text.fail("Unexpected array value terminator ','.")
      items.push(this.#value())
      text.skipBlanks()
      if (text.next === ',') text.at++
      else if (text.next !== ']' && !isLineEnd(text.next) && !text.atComment() && !text.ended) {
        text.fail(
          "Expected an array value terminator ',' or an array terminator ']', " +
            `but got '${show(text.next)}' instead.`,
        )
      }
    }
    text.at++
    return this.#reading.weigh({ is: 'list', items, place }, items)
  }

  /** Enters one level: the bracket stands here. */
  #nested<T>(read: () => T): T {
    if (++this.#nesting > nestingMax) this.#text.fail(`nested deeper than ${nestingMax}`)
    this.#text.at++
    const value = read()
    this.#nesting--
    return value
  }

  #variable(name: string, place: Place): ConfNode {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const entry = this.#scopes[i]?.get(name)
      if (!entry) continue
      entry.referenced = true
      return this.#reading.moved(entry.node, place)
    }
    const about = `variable reference for '${name}' on line ${place.line}`
    const node = this.#envVariable(name, place, about)
    if (!node) throw new ConfError(place, `${about} can not be found`)
    return this.#reading.moved(node, place)
  }

  #envVariable(name: string, place: Place, about: string): ConfNode | undefined {
    try {
      return this.#reading.env(name)
    } catch (error) {
      if (!(error instanceof ConfError)) throw error
      // The text of the variable may be a secret: the error tells what is wrong, not what it is.
      throw new ConfError(place, `${about} could not be parsed: ${error.message}`)
    }
  }

  #include(into: Entries): void {
    const text = this.#text
    text.skipBlanks()
    const place = text.place()
    const c = text.next
    if (isLineEnd(c)) text.fail('Expected include value but found new line')
    if (c === '' || '[{(\\'.includes(c)) {
      text.fail(`Expected include value but found '${show(c)}'`)
    }
    const name = c === '"' || c === "'" ? readUntil(text, c) : text.take(/[^\n\r;} \t]+/y)
    const path = isAbsolute(name) ? name : join(dirname(text.file), name)
    try {
      const included = this.#reading.file(path, path, this.#chain)
      for (const [key, entry] of included.entries) into.set(key, entry)
    } catch (error) {
      if (!(error instanceof ConfError)) throw error
      // Unreadable: it is the include that is wrong. Wrong inside: its own place says more.
      if (!error.wholeFile) throw error
      throw new ConfError(place, `error parsing include file '${name}', ${error.message}`)
    }
  }
}
