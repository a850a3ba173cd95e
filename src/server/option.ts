// The option table's own types. Every option of the config file stands in one table row: name,
// default, unit, reloadable, one sentence. The checker (check.ts), the README's table and the
// examples in conf/ come from it; a room of edge/ brings its own block.

/** Checks options against each other; called after each of them was checked alone. */
export interface Verified {
  verify?(value: never, node: ConfNode, report: Report): void
}

interface Row {
  /** Other spellings nats-server accepts. */
  readonly aliases?: readonly string[]
  /** One sentence for the README. */
  readonly about: string
  /** May change on SIGHUP. */
  readonly reloadable?: boolean
  /** What nats-server calls it when a reload must not change it; absent: as its name. */
  readonly field?: string
  /** For the README when the default is computed, e.g. "server id". */
  readonly defaultText?: string
}

/** Go duration text ("10s", "2m"), or seconds; the value is in milliseconds. */
interface DurationRow extends Row {
  readonly type: 'duration'
  readonly default: number | null
  readonly min?: number
  readonly max?: number
  /** A plain number of seconds is the usual spelling here; elsewhere it earns a warning. */
  readonly plainSeconds?: boolean
}

/** `size`: a count of bytes; `integer`: anything else whole. */
interface NumberRow extends Row {
  readonly type: 'integer' | 'size' | 'number'
  readonly default: number | null
  readonly min?: number
  readonly max?: number
}

interface TextRow extends Row {
  readonly type: 'string'
  readonly default: string | null
  /** The only values allowed, in lower case. */
  readonly oneOf?: readonly string[]
}

interface FlagRow extends Row {
  readonly type: 'boolean'
  readonly default: boolean
}

/** One string or a list of them. */
interface TextsRow extends Row {
  readonly type: 'strings'
  readonly default: readonly string[]
}

/** `4222` or "host:port"; the value is { host, port } with host null when only a port came. */
interface ListenRow extends Row {
  readonly type: 'listen'
  readonly default: null
}

/** A value whose shape only `read` knows (a list or a block of several forms). */
interface CustomRow<T> extends Row {
  readonly type: 'custom'
  readonly default: T
  /** Turns the parsed node into the value; reports errors with their place, never throws. */
  readonly read: (node: ConfNode, report: Report) => T
  /** What its form as a block holds, for the README. */
  readonly block?: Block
}

/** A block of its own; absent = null unless `always`, then all defaults. */
interface BlockRow<B extends Block> extends Row, Verified {
  readonly type: 'block'
  readonly block: B
  readonly always?: boolean
}

/** A list of blocks (`remotes: [ {…}, {…} ]`); one block alone is a list of one. */
interface BlocksRow<B extends Block> extends Row, Verified {
  readonly type: 'blocks'
  readonly block: B
}

/** nats-server has it and nats-edge does not: naming it is an error that says so. */
interface UnsupportedRow {
  readonly type: 'unsupported'
  readonly aliases?: readonly string[]
  /** What to do instead, or why; one sentence. */
  readonly about: string
}

/** nats-server has it, and leaving it out changes nothing a user can see: a note in the log. */
interface IgnoredRow {
  readonly type: 'ignored'
  readonly aliases?: readonly string[]
  readonly about: string
}

export type OptionRow =
  | UnsupportedRow
  | IgnoredRow
  | DurationRow
  | NumberRow
  | TextRow
  | FlagRow
  | TextsRow
  | ListenRow
  // biome-ignore lint/suspicious/noExplicitAny: rows of every custom type stand in one table
  | CustomRow<any>
  | BlockRow<Block>
  | BlocksRow<Block>

/** Option rows by their name in the file. */
export interface Block {
  readonly [name: string]: OptionRow
}

export interface Listen {
  readonly host: string | null
  readonly port: number
}

type ValueOf<R> = R extends { type: 'block'; always: true; block: infer B extends Block }
  ? Values<B>
  : R extends { type: 'block'; block: infer B extends Block }
    ? Values<B> | null
    : R extends { type: 'blocks'; block: infer B extends Block }
      ? readonly Values<B>[]
      : R extends { type: 'custom'; default: infer T }
        ? R extends { read: (...input: never[]) => infer V }
          ? V
          : T
        : R extends { type: 'duration' | 'integer' | 'size' | 'number'; default: infer D }
          ? D extends null
            ? number | null
            : number
          : R extends { type: 'string'; default: infer D }
            ? D extends null
              ? string | null
              : string
            : R extends { type: 'boolean' }
              ? boolean
              : R extends { type: 'strings' }
                ? readonly string[]
                : R extends { type: 'listen' }
                  ? Listen | null
                  : never

/** The checked, defaulted values of a block: what rooms receive. */
export type Values<B extends Block> = {
  readonly [K in keyof B as B[K] extends { type: 'unsupported' | 'ignored' } ? never : K]: ValueOf<
    B[K]
  >
}

/** Where something stands in a config file; line and column count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A parsed value of the config file, with its place. */
export type ConfNode = { readonly place: Place } & (
  | { readonly is: 'string'; readonly value: string; readonly quoted: boolean }
  | { readonly is: 'integer'; readonly value: number; readonly text: string }
  | { readonly is: 'float'; readonly value: number }
  | { readonly is: 'boolean'; readonly value: boolean }
  | { readonly is: 'date'; readonly value: Date }
  | { readonly is: 'list'; readonly items: readonly ConfNode[] }
  | { readonly is: 'map'; readonly entries: ReadonlyMap<string, ConfEntry> }
)

export interface ConfEntry {
  readonly key: string
  readonly keyPlace: Place
  readonly node: ConfNode
  /** A `$variable` names it: then an unknown key is no error. */
  readonly referenced: boolean
}

/** Collects what is wrong with a config; printed as `file:line:col: text`. */
export interface Report {
  error(place: Place, text: string): void
  warning(place: Place, text: string): void
  /** Worth a line in the log, nothing more. */
  note?(place: Place, text: string): void
}
