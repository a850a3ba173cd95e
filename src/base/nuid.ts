// Names that nobody chose before: 22 letters and digits, as long as a nuid of the NATS clients.

import { randomBytes } from 'node:crypto'

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const charsDefault = 22

export function newNuid(chars = charsDefault): string {
  let text = ''
  for (const byte of randomBytes(chars)) text += letters[byte % letters.length]
  return text
}
