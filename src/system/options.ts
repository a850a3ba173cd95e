// What a request's JSON says: which servers it is for, and what it wants to see. Its fields are
// those of nats-server's Go structures, which differ from the parameters of the HTTP endpoints;
// here they become those parameters, so that one view serves both.
//
// As Go reads JSON, names match in any case, unknown fields and nulls count for nothing, and a
// wrong type is an error with the text that users of nats-server know.

import { Query } from '../monitor/query.ts'
import type { SystemHost } from './host.ts'

type GoType =
  | 'bool'
  | 'int'
  | 'uint64'
  | 'string'
  | '[]string'
  | 'server.SortOpt'
  | 'server.ConnState'

/**
 * One field: its type, the parameter it becomes, and what stands there for `true` when that is
 * not a flag of its own.
 */
interface Field {
  readonly type: GoType
  readonly param: string
  readonly value?: string
}

export interface RequestShape {
  /** nats-server's name of it, for the texts. */
  readonly type: string
  readonly fields: Readonly<Record<string, Field>>
}

/** Which servers are asked. */
export interface Filter {
  readonly name: string
  readonly cluster: string
  readonly host: string
  readonly domain: string
  readonly isExact: boolean
  readonly tags: readonly string[]
}

export interface RequestOptions {
  readonly filter: Filter
  readonly query: Query
  /** The fields as they came, by their lower-case names. */
  readonly fields: ReadonlyMap<string, unknown>
}

export type ReadOptions =
  | { readonly is: 'read'; readonly options: RequestOptions }
  | { readonly is: 'wrong'; readonly text: string }

const filterFields: Readonly<Record<string, GoType>> = {
  server_name: 'string',
  cluster: 'string',
  host: 'string',
  exact_match: 'bool',
  tags: '[]string',
  domain: 'string',
}

/** Reads the body of a request; an empty one asks for the defaults. */
export function readOptions(body: string, shape: RequestShape): ReadOptions {
  const parsed = parse(body, shape.type)
  if (typeof parsed === 'string') return { is: 'wrong', text: parsed }
  const fields = new Map<string, unknown>()
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(parsed)) {
    const name = key.toLowerCase()
    const field = own(shape.fields, name)
    const type = field?.type ?? own(filterFields, name)
    if (type === undefined || value === null) continue
    const wrong = mismatch(value, type)
    if (wrong !== '') {
      const where = `Go struct field ${shape.type}.${name} of type ${type}`
      return { is: 'wrong', text: `json: cannot unmarshal ${wrong} into ${where}` }
    }
    fields.set(name, value)
    if (field) setParam(params, field, value)
  }
  return { is: 'read', options: { filter: filterOf(fields), query: new Query(params), fields } }
}

function parse(body: string, type: string): object | string {
  if (body.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return 'invalid JSON in the request'
  }
  if (value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value
  return `json: cannot unmarshal ${kindOf(value)} into Go value of type server.${type}`
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** What the value is instead; '' = it has the type. */
function mismatch(value: unknown, type: GoType): string {
  switch (type) {
    case 'bool':
      return typeof value === 'boolean' ? '' : kindOf(value)
    case 'string':
    case 'server.SortOpt':
      return typeof value === 'string' ? '' : kindOf(value)
    case '[]string': {
      if (!Array.isArray(value)) return kindOf(value)
      const stranger = value.find(one => typeof one !== 'string')
      return stranger === undefined ? '' : kindOf(stranger)
    }
    case 'int':
    case 'uint64':
    case 'server.ConnState': {
      if (typeof value !== 'number') return kindOf(value)
      const isWhole = Number.isSafeInteger(value) && (type !== 'uint64' || value >= 0)
      return isWhole ? '' : `number ${value}`
    }
  }
}

const connStates = ['open', 'closed', 'any']

function setParam(params: URLSearchParams, { type, param, value: word }: Field, value: unknown) {
  if (type === '[]string') return
  if (type === 'server.ConnState') params.set(param, connStates[value as number] ?? String(value))
  else if (type !== 'bool') params.set(param, String(value))
  else if (value === true) params.set(param, word ?? '1')
}

function filterOf(fields: ReadonlyMap<string, unknown>): Filter {
  const text = (name: string) => (fields.get(name) ?? '') as string
  return {
    name: text('server_name'),
    cluster: text('cluster'),
    host: text('host'),
    domain: text('domain'),
    isExact: fields.get('exact_match') === true,
    tags: (fields.get('tags') ?? []) as readonly string[],
  }
}

/** Is this server among those that are asked? */
export function concerns(filter: Filter, host: SystemHost): boolean {
  const { server } = host.sources
  const fits = (wanted: string, ours: string) =>
    wanted === '' || (filter.isExact ? ours === wanted : ours.includes(wanted))
  return (
    fits(filter.name, server.name) &&
    fits(filter.host, server.address.host) &&
    fits(filter.cluster, host.cluster()) &&
    filter.tags.every(tag => server.options.server_tags.includes(tag)) &&
    (filter.domain === '' || filter.domain === host.domain)
  )
}
