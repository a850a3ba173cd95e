// Random names, as nats-server makes them up for consumers that were given none.

import { randomBytes } from 'node:crypto'

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

export function randomName(length: number): string {
  let name = ''
  for (const byte of randomBytes(length)) name += letters[byte % letters.length]
  return name
}
