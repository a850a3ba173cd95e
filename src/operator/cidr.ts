// `src` of a user's JWT: the networks that it may connect from. An IPv4 address that came in over
// an IPv6 socket counts as the IPv4 address that it is.

import { BlockList, isIP } from 'node:net'

export interface Cidr {
  readonly address: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

export function cidrOf(text: string): Cidr | null {
  const slash = text.indexOf('/')
  if (slash < 0) return null
  const address = text.slice(0, slash)
  const width = text.slice(slash + 1)
  const version = isIP(address)
  if (version === 0 || address.includes('%') || !/^\d{1,3}$/.test(width)) return null
  const bits = Number(width)
  if (bits > (version === 4 ? 32 : 128)) return null
  return { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' }
}

/** May a peer with this address connect? An empty list allows all. */
export function isFrom(sources: readonly string[], host: string): boolean {
  if (sources.length === 0) return true
  const address = host.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
  const version = isIP(address)
  if (version === 0) return false
  const networks = new BlockList()
  for (const source of sources) {
    const cidr = cidrOf(source)
    if (cidr !== null) networks.addSubnet(cidr.address, cidr.bits, cidr.family)
  }
  return networks.check(address, version === 4 ? 'ipv4' : 'ipv6')
}
