// One value out of a header block, for requests: they are rare, so nothing is kept of it. The hot
// path of publishers has its own reader, publish-headers.ts.

/** The first value of a name (compared with case), '' when there is none. */
export function headerOf(headers: Buffer, name: string): string {
  const key = `\r\n${name}:`
  let at = headers.indexOf(key, 0, 'latin1')
  if (at < 0) return ''
  at += key.length
  while (headers[at] === 0x20) at++
  const end = headers.indexOf('\r\n', at, 'latin1')
  return end < 0 ? '' : headers.toString('utf8', at, end)
}
