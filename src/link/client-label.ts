// How a client is called in the log (reference 9).

import type { Client } from './client.ts'
import type { ClientSocket } from './socket.ts'

/** `host:port - cid:n` (`wid:n` in WebSocket frames), with `"version:lang:name"` once it said so. */
export function clientLabel(
  { host, port, id, options }: Pick<Client, 'host' | 'port' | 'id' | 'options'>,
  { isWebSocket, forwardedFor }: Pick<ClientSocket, 'isWebSocket' | 'forwardedFor'>,
): string {
  const { lang, version, name } = options
  const proxied = forwardedFor === '' ? '' : `${forwardedFor}/`
  const base = `${proxied}${host}:${port} - ${isWebSocket ? 'wid' : 'cid'}:${id}`
  const isSilent = lang === '' && version === '' && name === ''
  return isSilent ? base : `${base} - "v${version}:${lang}:${name}"`
}
