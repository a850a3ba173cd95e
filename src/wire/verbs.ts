// The verbs a client may send.

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

export const verbs: readonly Verb[] = [
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
