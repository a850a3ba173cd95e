// The verbs a client may send, and how a control line is cut into arguments.

/**
 * name  in upper case; matched without regard to case (reference 3.3)
 * is    what stands behind it: 'pub' subject [reply] [header size] size, with a body;
 *       'sub' subject [queue] sid; 'unsub' sid [max]; 'text' the rest of the line as it is
 * headers  only for 'pub': the line has two sizes
 */
export type Verb =
  | { readonly name: string; readonly is: 'pub'; readonly headers: boolean }
  | { readonly name: string; readonly is: 'sub' }
  | { readonly name: string; readonly is: 'unsub' }
  | { readonly name: string; readonly is: 'text' }

const verbs: readonly Verb[] = [
  { name: 'PUB', is: 'pub', headers: false },
  { name: 'HPUB', is: 'pub', headers: true },
  { name: 'SUB', is: 'sub' },
  { name: 'UNSUB', is: 'unsub' },
  { name: 'PING', is: 'text' },
  { name: 'PONG', is: 'text' },
  { name: 'CONNECT', is: 'text' },
  { name: '+OK', is: 'text' },
  { name: '-ERR', is: 'text' },
  { name: 'INFO', is: 'text' },
]

/** The verb at the start of a line, followed by a blank, a tab or the line's end; else null. */
export function verbAt(line: Buffer, start: number, end: number): Verb | null {
  for (const verb of verbs) {
    if (isVerb(verb.name, line, start, end)) return verb
  }
  return null
}

function isVerb(name: string, line: Buffer, start: number, end: number): boolean {
  const after = start + name.length
  if (after > end) return false
  for (let i = 0; i < name.length; i++) {
    const byte = line[start + i] as number
    const upper = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte
    if (upper !== name.charCodeAt(i)) return false
  }
  return after === end || line[after] === 0x20 || line[after] === 0x09
}

/** The arguments of a line: places in `chunk`, made anew for each line, never allocated. */
export interface Arguments {
  chunk: Buffer
  count: number
  readonly starts: number[]
  readonly ends: number[]
}

/** HPUB has the most: subject, reply, header size, total size. */
const argumentsMax = 4

/** Splits on blanks and tabs; false when there are more arguments than any verb takes. */
export function splitArguments(into: Arguments, line: Buffer, start: number, end: number): boolean {
  into.chunk = line
  into.count = 0
  let at = start
  for (;;) {
    while (at < end && isBlank(line[at] as number)) at++
    if (at === end) return true
    if (into.count === argumentsMax) return false
    into.starts[into.count] = at
    while (at < end && !isBlank(line[at] as number)) at++
    into.ends[into.count++] = at
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09
}
