// Loads what the `tls` blocks name, so that a wrong file is found before the first client comes:
// by the configuration test, at the start, before a reload.

import { dialOptions, secureOptions, type TlsFiles } from '../link/tls-files.ts'
import type { ServerOptions } from './options.ts'
import type { TlsServerOptions } from './tls-options.ts'

type Options = Pick<ServerOptions, 'tls' | 'websocket' | 'leafnodes' | 'cluster'> & {
  readonly mqtt?: { readonly tls: TlsServerOptions | null } | null
}

export interface TlsProblem {
  /** The option, as `websocket.tls`. */
  readonly name: string
  readonly text: string
}

/** Everything that cannot be used. */
export function tlsProblems(options: Options): readonly TlsProblem[] {
  const found: TlsProblem[] = []
  const { tls, mqtt, websocket, leafnodes, cluster } = options
  const listeners: readonly (readonly [string, TlsFiles | null | undefined])[] = [
    ['tls', tls],
    ['mqtt.tls', mqtt?.tls],
    ['websocket.tls', websocket?.tls],
    ['leafnodes.tls', leafnodes.tls],
    ['cluster.tls', cluster?.tls],
  ]
  for (const [name, block] of listeners) {
    const text = block ? failure(() => secureOptions(block)) : null
    if (text !== null) found.push({ name, text })
  }
  for (const [i, remote] of leafnodes.remotes.entries()) {
    const { tls: block } = remote
    const text = block ? failure(() => dialOptions(block)) : null
    if (text !== null) found.push({ name: `leafnodes.remotes.${i}.tls`, text })
  }
  return found
}

function failure(load: () => unknown): string | null {
  try {
    load()
    return null
  } catch (error) {
    return (error as Error).message
  }
}
