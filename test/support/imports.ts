// The map of the rooms, checked: imports go down only, src never sees edge, the rooms of edge
// never see each other, only one file knows SQLite, nothing goes in circles, no file is too long.

import { readFileSync, readdirSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, normalize } from 'node:path'

/** The rooms of src, lowest first: a room imports itself and what stands before it. */
const order = [
  'message.ts',
  'base',
  'wire',
  'subject',
  'account',
  'broker',
  'operator',
  'callout',
  'link',
  'monitor',
  'system',
  'server',
] as const

/** Option rows are types that every room may describe itself with. */
const optionTypes = 'src/server/option.ts'
const sqliteFile = 'edge/store/db.ts'
/** Holds imports as examples, in strings. */
const ownTest = 'test/harness/imports.test.ts'
const fileLinesMax = 500
const lineColumnsMax = 100

/** One import: where it stands, what it names, and whether it vanishes when types are stripped. */
export interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

/** Path below the root, with the text of the file. */
export type Sources = ReadonlyMap<string, string>

/** Everything wrong with the sources below `root`, one sentence each. */
export function violations(root: string): string[] {
  return violationsOf(readSources(root))
}

export function violationsOf(sources: Sources): string[] {
  const found: string[] = []
  const graph = new Map<string, string[]>()
  for (const [file, text] of sources) {
    found.push(...sizeFaults(file, text))
    const imports = importsOf(file, text)
    for (const one of imports) {
      const fault = importFault(one, sources)
      if (fault) found.push(`${file}: ${fault}`)
    }
    graph.set(
      file,
      imports.filter(one => !one.typeOnly && sources.has(one.to)).map(one => one.to),
    )
  }
  for (const circle of circles(graph)) found.push(`imports in a circle: ${circle.join(' -> ')}`)
  return found
}

function readSources(root: string): Sources {
  const sources = new Map<string, string>()
  for (const top of ['src', 'edge', 'test']) {
    for (const name of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || `${top}/${name}` === ownTest) continue
      sources.set(`${top}/${name}`, readFileSync(join(root, top, name), 'utf8'))
    }
  }
  return sources
}

/** Static, re-exporting and dynamic imports of a file. */
export function importsOf(file: string, text: string): Import[] {
  const code = text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
  const statement =
    /^\s*(?:import|export)\s+(type\s+)?(?:[\w*\s{},$]+?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm
  return Array.from(code.matchAll(statement), ([, typeOnly, fixed, dynamic]) => ({
    from: file,
    to: resolve(file, fixed ?? dynamic ?? ''),
    typeOnly: typeOnly !== undefined,
  }))
}

function resolve(file: string, name: string): string {
  return name.startsWith('.') ? normalize(join(dirname(file), name)) : name
}

function importFault({ from, to, typeOnly }: Import, sources: Sources): string | undefined {
  const local = /^(src|edge|test)\//.test(to)
  if (local && !to.endsWith('.ts')) return `${to}: local imports carry .ts`
  if (local && !sources.has(to)) return `${to} does not exist`
  if (builtinModules.includes(to)) return `${to}: write node:${to}`
  if (to === 'better-sqlite3' && !from.startsWith('test/') && from !== sqliteFile) {
    return `only ${sqliteFile} imports better-sqlite3`
  }
  if (from.startsWith('test/')) return undefined
  if (to.startsWith('test/')) return `the program imports ${to}`
  if (to === optionTypes && typeOnly) return undefined
  if (from.startsWith('src/')) return faultInSrc(from, to)
  return faultInEdge(from, to)
}

function faultInSrc(from: string, to: string): string | undefined {
  if (to.startsWith('edge/')) return `src never imports edge (${to})`
  if (!to.startsWith('src/')) return undefined
  const low = rank(to)
  const high = rank(from)
  if (low < 0 || high < 0) return `${low < 0 ? to : from} is in no room of the map`
  return low > high ? `${room(from)} must not import ${to}: imports go down only` : undefined
}

function faultInEdge(from: string, to: string): string | undefined {
  if (!to.startsWith('edge/')) return undefined
  const mine = room(from)
  // Files directly in edge/ compose the rooms and see all of them.
  if (mine.endsWith('.ts')) return undefined
  return room(to) === mine
    ? undefined
    : `${mine} must not import ${to}: rooms do not know each other`
}

/** Second part of the path: the room, or the file itself when it stands above the rooms. */
function room(path: string): string {
  return path.split('/')[1] ?? ''
}

function rank(path: string): number {
  return (order as readonly string[]).indexOf(room(path))
}

function sizeFaults(file: string, text: string): string[] {
  const lines = text.split('\n')
  const found: string[] = []
  const count = lines.length - (lines.at(-1) === '' ? 1 : 0)
  if (count > fileLinesMax) found.push(`${file}: ${count} lines, ${fileLinesMax} at most`)
  if (file.startsWith('test/')) return found
  lines.forEach((line, at) => {
    // The formatter breaks code; what holds a text is as long as the text.
    if ([...line].length <= lineColumnsMax || /['"`]/.test(line)) return
    found.push(`${file}:${at + 1}: line longer than ${lineColumnsMax} columns`)
  })
  return found
}

/** Circles in the graph, each once, by depth-first search. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const done = new Set<string>()
  const path: string[] = []
  const found: string[][] = []
  const visit = (file: string): void => {
    const at = path.indexOf(file)
    if (at >= 0) {
      found.push([...path.slice(at), file])
      return
    }
    if (done.has(file)) return
    path.push(file)
    for (const next of graph.get(file) ?? []) visit(next)
    path.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
  return found
}
