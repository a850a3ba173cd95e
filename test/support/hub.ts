// A real nats-server, as the central cluster or as the one to be compared with.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from './directory.ts'
import { type NatsVersion, natsServer } from './peers.ts'
import { freePort } from './ports.ts'
import { type Exit, type Running, start } from './process.ts'

export interface HubOptions {
  /** Default: the newest. */
  readonly version?: NatsVersion
  /** Server name; default hub. */
  readonly name?: string
  /** JetStream, with this domain when it is a string. */
  readonly jetstream?: boolean | string
  /** Listen for leaf nodes; a string is the text inside `leafnodes { … }` beside `listen`. */
  readonly leaf?: boolean | string
  /** Serve HTTP monitoring. */
  readonly monitor?: boolean
  /** More of the config file. */
  readonly conf?: string
  readonly flags?: readonly string[]
  /** Inside `jetstream { … }`, beside store_dir and domain. */
  readonly jetstreamConf?: string
  /** A command in front, e.g. ['taskset', '-c', '0']. */
  readonly wrap?: readonly string[]
}

export interface Hub {
  readonly dir: string
  readonly port: number
  readonly url: string
  /** 0 when it does not listen for them. */
  readonly leafPort: number
  readonly monitorPort: number
  readonly process: Running
  stop(signal?: NodeJS.Signals): Promise<Exit>
  /** Starts it again on the same ports and store; stops it first when it runs. */
  restart(signal?: NodeJS.Signals): Promise<void>
}

export async function startHub(options: HubOptions = {}): Promise<Hub> {
  const dir = scratch('hub')
  const port = await freePort()
  const leafPort = options.leaf ? await freePort() : 0
  const monitorPort = options.monitor ? await freePort() : 0
  const lines = [`listen: "127.0.0.1:${port}"`, `server_name: ${options.name ?? 'hub'}`]
  if (leafPort) {
    const inside = typeof options.leaf === 'string' ? options.leaf : ''
    lines.push(`leafnodes { listen: "127.0.0.1:${leafPort}"\n${inside} }`)
  }
  if (monitorPort) lines.push(`http: "127.0.0.1:${monitorPort}"`)
  if (options.jetstream) {
    const domain = typeof options.jetstream === 'string' ? `domain: ${options.jetstream}` : ''
    lines.push(`jetstream { store_dir: "${dir}/js"\n${domain}\n${options.jetstreamConf ?? ''} }`)
  }
  lines.push(options.conf ?? '')
  const file = join(dir, 'hub.conf')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const [program, ...args] = [
    ...(options.wrap ?? []),
    natsServer(options.version ?? 'newest'),
    '-c',
    file,
    ...(options.flags ?? []),
  ] as [string, ...string[]]
  const launch = () => start(program, args, 'Server is ready')
  let running = await launch()
  return {
    dir,
    port,
    url: `nats://127.0.0.1:${port}`,
    leafPort,
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
