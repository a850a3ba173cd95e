// Checks a parsed config against the option table: typed values with all defaults, and
// everything that is wrong with it, not only the first thing.
//
// Error texts are nats-server's where it has one, Go's way of naming types included.

import type { ConfMap, Problem } from './conf.ts'
import { parseInteger } from './conf-scalar.ts'
import { formatDuration, parseDurationMs } from './duration.ts'
import type {
  Block,
  ConfEntry,
  ConfNode,
  Listen,
  OptionRow,
  Place,
  Report,
  Values,
  Verified,
} from './option.ts'

export interface Checked<B extends Block> {
  /** Complete even with errors, so that the rules between options can be checked too. */
  readonly values: Values<B>
  readonly errors: readonly Problem[]
  /** What nats-server would complain about and start all the same. */
  readonly warnings: readonly Problem[]
  /** Options without effect here: worth a line in the log, nothing more. */
  readonly notes: readonly Problem[]
  /** Where an option stands, by its path of table names: "authorization.token". */
  readonly places: ReadonlyMap<string, Place>
}

/** `root` is null when there is no config file: then everything has its default. */
export function checkConfig<B extends Block>(root: ConfMap | null, block: B): Checked<B> {
  const checker = new Checker()
  const values = checker.block(root, block, '')
  const { errors, warnings, notes, places } = checker
  return { values: values as Values<B>, errors, warnings, notes, places }
}

/** `file:line:col: text`, as nats-server prints it. */
export function formatProblem({ place, text }: Problem): string {
  if (place.file === '') return text
  // Line 0 stands for the file as a whole.
  const at = place.line === 0 ? '' : `:${place.line}:${place.column}`
  return `${place.file}${at}: ${text}`
}

/** "host:port" or a port; a text when it is neither. */
export function parseListen(value: string | number): Listen | string {
  if (typeof value === 'number') return portIn(null, value)
  const found = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(value)
  if (!found) return `could not parse address string "${value}"`
  const port = found[3] as string
  if (!/^-?\d+$/.test(port)) return `could not parse port "${port}"`
  return portIn((found[1] ?? found[2]) || null, Number(port))
}

function portIn(host: string | null, port: number): Listen | string {
  return port >= -1 && port <= 65_535 ? { host, port } : `port ${port} is out of range`
}

/** Names and aliases of a table, in lower case, made once a table. */
const indexes = new WeakMap<Block, ReadonlyMap<string, string>>()

function indexOf(block: Block): ReadonlyMap<string, string> {
  let index = indexes.get(block)
  if (!index) {
    const names = new Map<string, string>()
    for (const [name, row] of Object.entries(block)) {
      for (const spelling of [name, ...(row.aliases ?? [])]) names.set(spelling.toLowerCase(), name)
    }
    index = names
    indexes.set(block, index)
  }
  return index
}

class Checker implements Report {
  readonly errors: Problem[] = []
  readonly warnings: Problem[] = []
  readonly notes: Problem[] = []
  readonly places = new Map<string, Place>()

  error(place: Place, text: string): void {
    this.errors.push({ place, text })
  }

  warning(place: Place, text: string): void {
    this.warnings.push({ place, text })
  }

  note(place: Place, text: string): void {
    this.notes.push({ place, text })
  }

  block(map: ConfMap | null, block: Block, path: string): Record<string, unknown> {
    const values = this.#defaults(block)
    if (!map) return values
    const index = indexOf(block)
    for (const entry of map.entries.values()) {
      const name = index.get(entry.key.toLowerCase())
      if (name === undefined) {
        // nats-server takes a key that some $variable uses as a definition.
        if (!entry.referenced) this.error(entry.keyPlace, `unknown field "${entry.key}"`)
        continue
      }
      const row = block[name] as OptionRow
      if (row.type === 'unsupported') {
        this.error(entry.keyPlace, `"${entry.key}" is not supported by nats-edge: ${row.about}`)
      } else if (row.type === 'ignored') {
        const text = `"${entry.key}" has no effect in nats-edge: ${row.about}`
        this.notes.push({ place: entry.keyPlace, text })
      } else {
        const full = path === '' ? name : `${path}.${name}`
        this.places.set(full, entry.keyPlace)
        const value = this.#read(row, entry, full)
        if (value !== undefined) values[name] = value
      }
    }
    return values
  }

  #defaults(block: Block): Record<string, unknown> {
    const values: Record<string, unknown> = {}
    for (const [name, row] of Object.entries(block)) {
      switch (row.type) {
        case 'unsupported':
        case 'ignored':
          break
        case 'block':
          values[name] = row.always ? this.block(null, row.block, '') : null
          break
        case 'blocks':
          values[name] = []
          break
        default:
          values[name] = row.default
      }
    }
    return values
  }

  /** The value, or undefined when it is wrong (reported) and the default stays. */
  #read(row: OptionRow, entry: ConfEntry, path: string): unknown {
    const { node } = entry
    switch (row.type) {
      case 'string':
        return this.#text(row, entry)
      case 'strings':
        return this.#texts(entry)
      case 'boolean':
        return node.is === 'boolean' ? node.value : this.#wrongType(node, 'bool')
      case 'integer':
      case 'size':
      case 'number':
        return this.#number(row, entry)
      case 'duration':
        return this.#duration(row, entry)
      case 'listen':
        return this.#listen(node)
      case 'custom':
        return row.read(node, this)
      case 'block':
        if (node.is === 'map') return this.#verified(row, node, this.block(node, row.block, path))
        return this.#fail(node, `Expected map to define ${entry.key}, got ${goType(node)}`)
      case 'blocks':
        return this.#verified(row, node, this.#blocks(row.block, entry, path))
      case 'unsupported':
      case 'ignored':
        return undefined
      default:
        return row satisfies never
    }
  }

  #text(row: { oneOf?: readonly string[] }, { key, node }: ConfEntry): string | undefined {
    if (node.is !== 'string') return this.#wrongType(node, 'string')
    if (!row.oneOf) return node.value
    const value = node.value.toLowerCase()
    if (row.oneOf.includes(value)) return value
    return this.#fail(node, `invalid ${key} "${node.value}", must be ${oneOf(row.oneOf)}`)
  }

  #texts({ node }: ConfEntry): readonly string[] | undefined {
    const items = node.is === 'list' ? node.items : [node]
    const texts: string[] = []
    for (const item of items) {
      if (item.is === 'string') texts.push(item.value)
      else this.#wrongType(item, 'string')
    }
    return texts
  }

  #number(
    row: { type: 'integer' | 'size' | 'number'; min?: number; max?: number },
    { key, node }: ConfEntry,
  ): number | undefined {
    let value: number
    if (node.is === 'integer') value = node.value
    else if (node.is === 'float' && row.type === 'number') value = node.value
    else if (node.is === 'string' && row.type === 'size') {
      // nats-server takes "1GB" for some sizes; a quoted plain number is a mistake for all.
      const size = /[a-z]$/i.test(node.value) ? parseInteger(node.value) : ''
      if (typeof size === 'string') return this.#wrongType(node, 'int64')
      value = size
    } else return this.#wrongType(node, row.type === 'number' ? 'float64' : 'int64')
    if (row.min !== undefined && value < row.min) {
      return this.#fail(node, `invalid ${key} of ${value}, minimum is ${row.min}`)
    }
    if (row.max !== undefined && value > row.max) {
      return this.#fail(node, `invalid ${key} of ${value}, maximum is ${row.max}`)
    }
    return value
  }

  #duration(
    row: { min?: number; max?: number; plainSeconds?: boolean },
    { key, node }: ConfEntry,
  ): number | undefined {
    let ms: number
    if (node.is === 'string') {
      const read = parseDurationMs(node.value)
      if (read === null) {
        const why = `time: invalid duration ${JSON.stringify(node.value)}`
        return this.#fail(node, `error parsing ${key}: ${why}`)
      }
      ms = read
    } else if (node.is === 'integer' || node.is === 'float') {
      ms = node.value * 1000
      if (!row.plainSeconds) {
        const bare = node.is === 'integer' && /[a-z]/i.test(node.text) ? node.text : ''
        this.warning(
          node.place,
          `invalid use of field "${key}": ${key} should be converted to a duration` +
            (bare && ` ("${bare}" without quotes is the number ${node.value})`),
        )
      }
    } else return this.#wrongType(node, 'string')
    const min = row.min ?? 0
    if (ms < min) {
      return this.#fail(node, `invalid ${key} of ${formatDuration(ms)}, minimum is ${minimum(min)}`)
    }
    if (row.max !== undefined && ms > row.max) {
      const max = formatDuration(row.max)
      return this.#fail(node, `invalid ${key} of ${formatDuration(ms)}, maximum is ${max}`)
    }
    return ms
  }

  #listen(node: ConfNode): Listen | undefined {
    if (node.is !== 'integer' && node.is !== 'string') {
      return this.#fail(node, `expected port or host:port, got ${goType(node)}`)
    }
    const listen = parseListen(node.value)
    return typeof listen === 'string' ? this.#fail(node, listen) : listen
  }

  #blocks(block: Block, { key, node }: ConfEntry, path: string): unknown {
    const items = node.is === 'list' ? node.items : [node]
    return items.flatMap((item, i) => {
      if (item.is === 'map') return [this.block(item, block, `${path}.${i}`)]
      this.error(item.place, `Expected ${key} entry to be a map/struct, got ${goType(item)}`)
      return []
    })
  }

  /** Lets the row check options against each other. */
  #verified<T>(row: Verified, node: ConfNode, value: T): T {
    row.verify?.(value as never, node, this)
    return value
  }

  #wrongType(node: ConfNode, wanted: string): undefined {
    return this.#fail(node, `interface conversion: interface {} is ${goType(node)}, not ${wanted}`)
  }

  #fail(node: ConfNode, text: string): undefined {
    this.error(node.place, text)
    return undefined
  }
}

const goTypes: Readonly<Record<ConfNode['is'], string>> = {
  string: 'string',
  integer: 'int64',
  float: 'float64',
  boolean: 'bool',
  date: 'time.Time',
  list: '[]interface {}',
  map: 'map[string]interface {}',
}

export function goType(node: ConfNode): string {
  return goTypes[node.is]
}

/** nats-server spells the one minimum it has in words. */
function minimum(ms: number): string {
  return ms > 1000 && ms < 60_000 && ms % 1000 === 0 ? `${ms / 1000} seconds` : formatDuration(ms)
}

function oneOf(values: readonly string[]): string {
  return values.map(value => `"${value}"`).join(' or ')
}
