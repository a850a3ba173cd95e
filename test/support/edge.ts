// The program under test, started from its sources as a process of its own.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scratch } from './directory.ts'
import { freePort } from './ports.ts'
import { type Exit, type Running, start } from './process.ts'

export const edgeMain = fileURLToPath(new URL('../../edge/main.ts', import.meta.url))

export interface EdgeOptions {
  /** Server name; default edge. */
  readonly name?: string
  /** JetStream, with this domain when it is a string. */
  readonly jetstream?: boolean | string
  /** Inside `jetstream { … }`, beside store_dir and domain. */
  readonly jetstreamConf?: string
  /** Listen for MQTT; a string is the text inside `mqtt { … }` beside `listen`. */
  readonly mqtt?: boolean | string
  /** Dial these leaf-node URLs. */
  readonly remotes?: readonly string[]
  readonly monitor?: boolean
  /** More of the config file. */
  readonly conf?: string
  readonly flags?: readonly string[]
  /** A command in front of node, e.g. ['taskset', '-c', '0'] or strace and its flags. */
  readonly wrap?: readonly string[]
  readonly nodeFlags?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** The program itself; default edge/main.ts of this checkout. */
  readonly main?: string
}

export interface Edge {
  readonly dir: string
  readonly conf: string
  readonly port: number
  readonly url: string
  /** 0 where it does not listen. */
  readonly mqttPort: number
  readonly monitorPort: number
  readonly process: Running
  stop(signal?: NodeJS.Signals): Promise<Exit>
  /** Starts it again on the same ports and store; stops it first when it runs. */
  restart(signal?: NodeJS.Signals): Promise<void>
}

/** With JetStream, MQTT and monitoring; gone afterwards, whatever happens. */
export async function withEdge(conf: string, test: (edge: Edge) => Promise<void>): Promise<void> {
  const edge = await startEdge({ conf, jetstream: true, mqtt: true, monitor: true })
  try {
    await test(edge)
  } finally {
    await edge.stop()
  }
}

export async function startEdge(options: EdgeOptions = {}): Promise<Edge> {
  const dir = scratch('edge')
  const port = await freePort()
  const mqttPort = options.mqtt ? await freePort() : 0
  const monitorPort = options.monitor ? await freePort() : 0
  const conf = join(dir, 'nats-edge.conf')
  writeFileSync(conf, confText(options, { dir, port, mqttPort, monitorPort }))
  const [program, ...args] = [
    ...(options.wrap ?? []),
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    ...(options.nodeFlags ?? []),
    options.main ?? edgeMain,
    '-c',
    conf,
    ...(options.flags ?? []),
  ] as [string, ...string[]]
  const launch = () =>
    start(program, args, 'Server is ready', {
      cwd: dir,
      readyMsMax: 30_000,
      ...(options.env ? { env: options.env } : {}),
    })
  let running = await launch()
  return {
    dir,
    conf,
    port,
    url: `nats://127.0.0.1:${port}`,
    mqttPort,
    monitorPort,
    get process() {
      return running
    },
    stop: signal => running.stop(signal),
    restart: async signal => {
      await running.stop(signal)
      running = await launch()
    },
  }
}

interface Places {
  readonly dir: string
  readonly port: number
  readonly mqttPort: number
  readonly monitorPort: number
}

function confText(options: EdgeOptions, at: Places): string {
  const lines = [`listen: "127.0.0.1:${at.port}"`, `server_name: ${options.name ?? 'edge'}`]
  if (options.jetstream) {
    const domain = typeof options.jetstream === 'string' ? `domain: ${options.jetstream}` : ''
    lines.push(
      `jetstream { store_dir: "${at.dir}/store"\n${domain}\n${options.jetstreamConf ?? ''} }`,
    )
  }
  if (at.mqttPort) {
    const inside = typeof options.mqtt === 'string' ? options.mqtt : ''
    lines.push(`mqtt { listen: "127.0.0.1:${at.mqttPort}"\n${inside} }`)
  }
  const remotes = (options.remotes ?? []).map(url => `{ url: "${url}" }`)
  if (remotes.length > 0) lines.push(`leafnodes { remotes: [ ${remotes.join(', ')} ] }`)
  if (at.monitorPort) lines.push(`http: "127.0.0.1:${at.monitorPort}"`)
  lines.push(options.conf ?? '')
  return `${lines.join('\n')}\n`
}
