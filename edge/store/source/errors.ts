// What a mirror or a source says of its origin, or hears from it, with nats-server's own numbers
// and texts (reference 6.13).

import type { ApiError } from '../shapes.ts'

function row(code: number, err_code: number, description: string): ApiError {
  return { code, err_code, description }
}

export const mirrorNeedsFlow = row(
  400,
  10214,
  'stream mirror consumer requires flow control ack policy',
)
export const sourceNeedsFlow = row(
  400,
  10217,
  'stream source consumer requires flow control ack policy',
)
/** What an origin says whose API is older. */
export const apiLevelRequired = row(412, 10185, 'JetStream minimum api level required')
/** `consumer's stream identity does not match: …` */
export const identityMismatch = 10225
