// Any text, any value under any option, and real configs with mistakes of every kind: the reader
// never throws, always ends, and says of every problem where it stands.

import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { edgeBlock, edgeProblems, withStoreFlags } from '../../edge/options.ts'
import { formatProblem } from '../../src/server/check.ts'
import { type ConfSource, parseConfText } from '../../src/server/conf.ts'
import { loadConfig } from '../../src/server/config.ts'
import type { Block, OptionRow } from '../../src/server/option.ts'
import { compareOptions } from '../../src/server/reload.ts'
import { fuzz, type Random } from '../support/fuzz.ts'
import { spec } from '../support/spec.ts'
import { good } from './conf-rows.ts'

const values = [
  '1', '-1', '0', '1.5', 'true', 'x', '""', "'a b'", '"2m"', '2m', '1kb', '[]', '{}', '[1]',
  '[x, "y", 2]', '[[]]', '[{}]', '{ a: 1 }', '{ allow: 1, deny: [2] }', '2016-05-04T18:53:41Z',
  '"127.0.0.1:1"', '"* * * * *"', '">"', '"a..b"', '"\\x00"', '9223372036854775807', '"{port}"',
  '{ by: length }', '{ by: markers, start: "", end: "" }', 'always', '"nats://u:p@h:99999"',
  '$HOME', '$NOPE', '$a', '(\nx\n)\n', '$2a$10$abc', '1e400', '"a.*.>"', '99999999999999999999',
] // biome-ignore format: a table

const pieces = [
  'a', 'port', ':', '=', ' ', '\n', '{', '}', '[', ']', ',', ';', '"', "'", '(', ')', '\n)\n', '#',
  '//', '$a', '$HOME', '\\x41', '\\', '1', '-', '.5', '1.5', '2m', '1kb', '1.2.3.4:5', 'include x',
  '2016-05-04T18:53:41Z', 'true', 'é', '\u0000', '\ufeff', '\r', '\t', 'include f',
] // biome-ignore format: a table

const shipped = (name: string) =>
  readFileSync(new URL(`../../conf/${name}`, import.meta.url), 'utf8')

/** The configs we ship, their examples in force too, and what an edge and a hub may have. */
const real: readonly string[] = [
  shipped('nats-edge.conf'),
  shipped('nats-edge.conf').replace(/^(\s*)#( .*[{}[\],])$/gm, '$1$2'),
  shipped('docker.conf'),
  shipped('reference.conf')
    .replace(/^##.*\n/gm, '')
    .replace(/^#/gm, ''),
  `listen: "0.0.0.0:4222"
   PASS: "s3cret"
   accounts {
     A { users: [{user: a, password: $PASS, permissions: {publish: ["x.>"], subscribe: {deny: "y q"}}}]
         exports: [{stream: "s.>", accounts: [B]}, {service: "r.*", response: stream, threshold: "5s"}]
         jetstream: {max_mem: 1MB, max_file: 1GB}, mappings: {a: [{dest: b, weight: 20%}, {dest: c}]} }
     B { users: [{nkey: UBAAQWTW6CG2G6ANGNKB5U2B7HRWHSGMZEZX3AQSAJOQDAUGJD46LD2E}]
         imports: [{stream: {account: A, subject: "s.>"}, prefix: "p"}, {service: {account: A, subject: "r.1"}, to: q}]
         limits: {max_conn: 5} }
   }
   system_account: B; no_auth_user: a
   jetstream { store_dir: /tmp/x, domain: e, limits { duplicate_window: "1m" } }`,
  `port: -1, server_name: hub
   cluster { name: c, listen: "0.0.0.0:6222", authorization {user: r, password: p, timeout: 2}
             routes: ["nats-route://r:p@h1:6222", "nats-route://r:p@h2:6222"], pool_size: 3 }
   leafnodes { port: 7422, authorization { users: [{user: l, password: p, account: $G2}] }
               remotes: [{urls: ["tls://h:7422"], credentials: "/x.creds", deny_imports: ["a.>"]}] }
   websocket { port: 8080, no_tls: true, allowed_origins: ["https://a.example"] }
   mqtt { port: 1883, ack_wait: "30s" }; jetstream: enabled
   tls { cert_file: a, key_file: b, ca_file: c, verify: true, cipher_suites: [TLS_AES_128_GCM_SHA256] }`,
]

/** Texts, comments, blanks, words and signs, as the grammar has them. */
function tokensOf(text: string): string[] {
  return (
    text.match(/"[^"\n]*"|'[^'\n]*'|#.*|\/\/.*|\s+|[{}[\](),;:=]|[^\s{}[\](),;:=#"']+|["']/g) ?? []
  )
}

const realTokens = real.map(tokensOf)
const words = [...new Set(realTokens.flat().filter(token => /^\w{2,}$/.test(token)))]
const keys = [...words, ...Object.keys(edgeBlock), 'include', 'nope']

/** Where the block that opens at `from` ends, behind its bracket. */
function endOfBlock(tokens: readonly string[], from: number): number {
  let depth = 0
  for (let i = from; i < tokens.length; i++) {
    const token = tokens[i] as string
    if (token === '{' || token === '[') depth++
    if ((token === '}' || token === ']') && --depth <= 0) return i + 1
  }
  return tokens.length
}

/** One mistake that a person or a template makes. */
function damaged(tokens: readonly string[], random: Random): string[] {
  const at = random.below(tokens.length)
  const opens = tokens.findIndex((token, i) => i >= at && (token === '{' || token === '['))
  const from = opens < 0 ? 0 : opens
  const end = endOfBlock(tokens, from)
  const word = tokens.findIndex((token, i) => i >= at && /^["'\w]/.test(token))
  const here = word < 0 ? at : word
  const replaced = (i: number, until: number, ...by: string[]) => [
    ...tokens.slice(0, i),
    ...by,
    ...tokens.slice(until),
  ]
  const other = random.pick(realTokens)
  const start = random.below(other.length)
  return random.pick([
    () => replaced(at, at + 1),
    () => replaced(here, here + 1),
    () => replaced(at, at, tokens[at] as string),
    () => replaced(here, here + 1, random.pick(values)),
    () => replaced(here, here + 1, random.pick(keys)),
    () => replaced(here, here + 1, (tokens[here] as string).toUpperCase()),
    () => replaced(from, end),
    () => replaced(from, end, random.pick(values)),
    () => replaced(from, from, ...tokens.slice(from, end)),
    () => replaced(from, end, '[', ...tokens.slice(from, end), ',', random.pick(values), ']'),
    () => replaced(from, end, '{ a: ', ...tokens.slice(from, end), '}'),
    () => replaced(at, at, ...other.slice(start, endOfBlock(other, start))),
    () => replaced(at, at, random.pick(pieces)),
    () => replaced(at, at, `\n${random.pick(keys)}: ${random.pick(values)}\n`),
    () => replaced(at, at, '[{'.repeat(random.below(50))),
    () => tokens.slice(0, at),
    () => tokens.slice(at),
    () => tokens.map(token => (token.includes('\n') ? '\r\n' : token)),
  ])()
}

const defaults = loadConfig(edgeBlock, {}, { read: () => '', env: {} }).options
const env = {
  HOME: '/root',
  a: '$b',
  b: '[1, $a]',
  G2: 'G',
  SENSORS_PASSWORD: 'x',
  ADMIN_PASSWORD: 'y',
}

/** What every config must hold, however wrong it is; true = it is a good one. */
function expectAnswer(text: string): boolean {
  const read = (path: string) => (path === 'f' ? text : new Error(`open ${path}: no such file`))
  const flags = { config: 'f' }
  const fromMs = performance.now()
  const config = loadConfig(edgeBlock, flags, { read, env })
  const options = withStoreFlags(config.options, flags)
  const problems = [...config.errors, ...config.warnings, ...config.notes]
  const tookMs = performance.now() - fromMs
  const lines = text.split('\n')
  const where = () => `\n${text}`
  assert.ok(tookMs < 3000, `${tookMs} ms${where()}`)
  assert.equal(Object.keys(options), Object.keys(defaults), where())
  for (const problem of problems) {
    const { place, text: why } = problem
    const said = `${formatProblem(problem)} [${text.length}]`
    assert.ok(why !== '' && !/undefined|\[object|NaN/.test(why.replaceAll(text, '')), said)
    assert.is(place.file, 'f', said)
    // Line 0 is the file as a whole.
    if (place.line === 0) continue
    const length = lines[place.line - 1]?.length ?? -1
    assert.ok(
      place.column >= 1 && place.column <= length + 1,
      `${place.line}:${place.column} ${said}`,
    )
  }
  for (const why of edgeProblems(options)) assert.ok(why !== '', where())
  compareOptions(edgeBlock, defaults, options)
  return config.errors.length === 0
}

spec('any config', it => {
  it('is read or refused with a place, whatever its text is', () => {
    const source: ConfSource = {
      read: path => (path === 'x' ? 'y: 1\n' : new Error(`open ${path}: no such file`)),
      env,
    }
    let parsed = 0
    fuzz(random => {
      for (let i = 0; i < 100; i++) {
        const count = random.below(14)
        const text = Array.from({ length: count }, () => random.pick(pieces)).join('')
        const result = parseConfText(text, source, 'f')
        if (result.is === 'parsed') parsed++
        else assert.ok(result.problem.place.line >= 1 && result.problem.text !== '', text)
      }
    })
    assert.ok(parsed > 100, `only ${parsed} parsed`)
  })

  it('is answered, whatever stands under its options', () => {
    let clean = 0
    fuzz(random => {
      if (expectAnswer(entries(edgeBlock, 3, random))) clean++
    })
    assert.ok(clean > 0, 'none without errors')
  })

  it('is answered, whatever mistake was made in one that works', () => {
    for (const text of real.slice(0, 3)) assert.ok(expectAnswer(text), text)
    for (const [text] of good) expectAnswer(text)
    let broken = 0
    fuzz(random => {
      let tokens: string[] = random.pick(realTokens)
      for (let left = 1 + random.below(4); left > 0 && tokens.length > 0; left--) {
        tokens = damaged(tokens, random)
      }
      if (!expectAnswer(tokens.join(''))) broken++
    })
    assert.ok(broken > 0, 'none was refused')
  })
})

function blockOf(row: OptionRow): Block | undefined {
  return 'block' in row ? row.block : undefined
}

/** Some entries of a block; mostly of the right shape where a block is wanted. */
function entries(block: Block, depth: number, random: Random): string {
  const names = Object.keys(block)
  const lines = Array.from({ length: 1 + random.below(5) }, () => {
    const name = random.pick(names)
    const nested = blockOf(block[name] as OptionRow)
    if (!nested || depth === 0 || random.below(4) === 0) return `${name}: ${random.pick(values)}`
    const inner = `{ ${entries(nested, depth - 1, random)} }`
    const named = name === 'accounts' ? `{ A ${inner} }` : inner
    return `${name}: ${random.below(2) === 0 ? named : `[ ${inner} ]`}`
  })
  return lines.join('\n')
}
