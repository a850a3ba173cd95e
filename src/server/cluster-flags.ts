// What --cluster, --routes and their like make of the cluster block. They win over the file; an
// empty --cluster switches clustering off. Rule: reference section 1.1, overrideCluster's texts
// observed on nats-server 2.10 and 2.15.

import { readRouteUrl } from '../link/route/url.ts'
import type { Flags } from './flags.ts'
import type { ClusterOptions } from './peer-options.ts'

export type Clustered =
  | { readonly is: 'options'; readonly cluster: ClusterOptions | null }
  | { readonly is: 'wrong'; readonly text: string }

/** `none` is the block with its defaults, for flags without a block in the file. */
export function clusterWith(
  file: ClusterOptions | null,
  flags: Flags,
  none: () => ClusterOptions,
): Clustered {
  const { cluster: url, routes, clusterName, clusterAdvertise, connectRetries, noAdvertise } = flags
  if (url === '') return { is: 'options', cluster: null }
  if (file === null && url === undefined) {
    // As in nats-server the other flags mean nothing without a listener, but --routes is a mistake.
    const text = 'solicited routes require cluster capabilities, e.g. --cluster'
    return routes ? { is: 'wrong', text } : { is: 'options', cluster: null }
  }
  const wrong = routeUrls(routes ?? '').find(route => readRouteUrl(route) === null)
  if (wrong !== undefined) {
    return { is: 'wrong', text: `error parsing route url ["${hideSecret(wrong)}"]` }
  }
  let cluster = file ?? none()
  if (url !== undefined) {
    const place = readClusterUrl(url)
    if (typeof place === 'string') return { is: 'wrong', text: place }
    const { user, password, ...listen } = place
    // A url without a user also clears the one of the file.
    const secret = { timeout: 2000, ...cluster.authorization, user, password }
    cluster = {
      ...cluster,
      ...listen,
      listen: null,
      authorization: user === null && file?.authorization == null ? null : secret,
    }
  }
  return {
    is: 'options',
    cluster: {
      ...cluster,
      name: clusterName || cluster.name,
      routes: routes === undefined ? cluster.routes : routeUrls(routes),
      advertise: clusterAdvertise ?? cluster.advertise,
      no_advertise: noAdvertise ?? cluster.no_advertise,
      connect_retries: connectRetries ?? cluster.connect_retries,
    },
  }
}

function routeUrls(text: string): readonly string[] {
  return text
    .split(',')
    .map(url => url.trim())
    .filter(url => url !== '')
}

interface ClusterPlace {
  readonly host: string
  readonly port: number
  readonly user: string | null
  readonly password: string | null
}

/** nats://user:password@host:port; -1 is a random port. */
function readClusterUrl(url: string): ClusterPlace | string {
  const found = /^[a-z][a-z0-9+.-]*:\/\/(?:([^@/]*)@)?(\[[^\]]*\]|[^:/@]*):(-1|\d+)\/?$/i.exec(url)
  if (!found) return `cannot read the cluster url "${hideSecret(url)}": expected nats://host:port`
  const port = Number(found[3])
  if (port > 65_535) return `port ${port} is out of range`
  const host = (found[2] as string).replace(/^\[|\]$/g, '') || '0.0.0.0'
  if (found[1] === undefined) return { host, port, user: null, password: null }
  const [user = '', password] = found[1].split(/:(.*)/s)
  if (password === undefined) return 'expected cluster password to be set'
  const both = [unescaped(user), unescaped(password)]
  if (both.includes(null)) return 'the user or password of the cluster url has a wrong escape'
  return { host, port, user: both[0] as string, password: both[1] as string }
}

function unescaped(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    // A % that begins no escape: the caller says so.
    return null
  }
}

function hideSecret(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@')
}
