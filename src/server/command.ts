// What a command line asks for: a text and an exit code, or a run. Nothing is printed here.
// Rule: reference sections 1.1 to 1.3; the exit codes are nats-server's, surprises included.

import { type Config, loadConfig } from './config.ts'
import type { ConfSource } from './conf.ts'
import { formatProblem } from './check.ts'
import { type Flags, parseFlags } from './flags.ts'
import { helpText, tlsHelpText, versionText } from './help.ts'
import type { Block, Values } from './option.ts'
import type { ServerOptions, serverBlock } from './options.ts'
import { tlsProblems } from './tls-check.ts'
import { sendSignal } from './signals.ts'

export type Command<O extends ServerOptions> =
  | { readonly is: 'done'; readonly stdout: string; readonly stderr: string; readonly code: number }
  | { readonly is: 'run'; readonly flags: Flags; readonly config: Config<O> }

export interface CommandParts<B extends Block, O extends ServerOptions> {
  readonly block: B
  readonly source: ConfSource
  readonly productVersion: string
  /** Flags and rules of the rooms beside the broker. */
  readonly finish: (options: Values<B> & ServerOptions, flags: Flags) => O
  readonly problems: (options: O) => readonly string[]
  readonly signal?: typeof sendSignal
}

export function readCommand<B extends typeof serverBlock & Block, O extends ServerOptions>(
  args: readonly string[],
  parts: CommandParts<B, O>,
): Command<O> {
  const parsed = parseFlags(args)
  if (parsed.is === 'usage') {
    // Go's flag package prints what is wrong, then the usage, whose author ends with 0.
    return { is: 'done', stdout: helpText(), stderr: `${parsed.text}\n`, code: 0 }
  }
  const { flags, words } = parsed
  const word = words[0]?.toLowerCase()
  if (flags.version || word === 'version') return printed(versionText(parts.productVersion))
  if (flags.help || word === 'help') return printed(helpText())
  if (flags.helpTls) return printed(tlsHelpText())
  if (word !== undefined) return failed(`unrecognized command: "${words[0]}"`)
  if (flags.signal) return signalled(flags.signal, parts.signal ?? sendSignal)
  if (flags.test && flags.config === undefined) {
    return failed('must specify [-c, --config] option to check configuration file syntax')
  }
  return configured(flags, parts)
}

/** Reads the config with its flags; the same at the start and at a reload. */
export function readConfig<B extends typeof serverBlock & Block, O extends ServerOptions>(
  flags: Flags,
  parts: CommandParts<B, O>,
): Config<O> {
  const config = loadConfig(parts.block, flags, parts.source)
  const options = parts.finish(config.options, flags)
  const noPlace = { file: '', line: 1, column: 1 }
  if (config.errors.length > 0) return { ...config, options }
  const errors = [
    ...parts.problems(options).map(text => ({ place: noPlace, text })),
    ...tlsProblems(options).map(({ name, text }) => {
      return { place: config.places.get(name) ?? noPlace, text }
    }),
  ]
  return { ...config, options, errors }
}

function configured<B extends typeof serverBlock & Block, O extends ServerOptions>(
  flags: Flags,
  parts: CommandParts<B, O>,
): Command<O> {
  const config = readConfig(flags, parts)
  const wrong = flags.test ? [...config.errors, ...config.warnings] : config.errors
  if (wrong.length > 0) return failed(wrong.map(formatProblem).join('\n'))
  if (!flags.test) return { is: 'run', flags, config }
  const text = `nats-server: configuration file ${flags.config} is valid (${config.digest})\n`
  return { is: 'done', stdout: '', stderr: text, code: 0 }
}

function signalled(argument: string, signal: typeof sendSignal): Command<never> {
  const problem = signal(argument)
  return problem === null ? printed('') : failed(problem)
}

function printed(stdout: string): Command<never> {
  return { is: 'done', stdout, stderr: '', code: 0 }
}

function failed(text: string): Command<never> {
  return { is: 'done', stdout: '', stderr: `nats-server: ${text}\n`, code: 1 }
}
