// The part of /metrics about links to other servers, each by itself.

import type { Family, Sample } from './metrics.ts'
import type { MonitoredLeaf, MonitoredRoute } from './shapes.ts'
import { trafficFamilies } from './traffic-metrics.ts'

const secondMs = 1000

export function leafs(all: readonly MonitoredLeaf[]): readonly Family[] {
  const labelsOf = ({ name, account, host, port }: MonitoredLeaf) => ({
    leaf: name,
    account,
    remote: `${host}:${port}`,
  })
  const each = (of: (leaf: MonitoredLeaf) => number): readonly Sample[] =>
    all.map(leaf => ({ labels: labelsOf(leaf), value: of(leaf) }))
  return [
    {
      name: 'leaf_rtt_seconds',
      type: 'gauge',
      help: 'Last round trip of a leaf-node connection.',
      samples: each(leaf => leaf.rttMs / secondMs),
    },
    {
      name: 'leaf_subscriptions',
      type: 'gauge',
      help: 'Subjects subscribed over a leaf-node connection.',
      samples: each(leaf => leaf.subjects.length),
    },
    ...trafficFamilies(
      'leaf_',
      'of a leaf-node connection since it was made',
      all.map(leaf => ({ labels: labelsOf(leaf), traffic: leaf })),
    ),
  ]
}

export function routes(all: readonly MonitoredRoute[]): readonly Family[] {
  const labelsOf = ({ remoteName, account, host, port }: MonitoredRoute) => ({
    route: remoteName,
    account: account ?? '',
    remote: `${host}:${port}`,
  })
  const each = (of: (route: MonitoredRoute) => number): readonly Sample[] =>
    all.map(route => ({ labels: labelsOf(route), value: of(route) }))
  return [
    {
      name: 'route_rtt_seconds',
      type: 'gauge',
      help: 'Last round trip of a route.',
      samples: each(route => route.rttMs / secondMs),
    },
    {
      name: 'route_subscriptions',
      type: 'gauge',
      help: 'Subjects subscribed over a route.',
      samples: each(route => route.subscriptions.size),
    },
    ...trafficFamilies(
      'route_',
      'of a route since it was made',
      all.map(route => ({ labels: labelsOf(route), traffic: route })),
    ),
  ]
}
