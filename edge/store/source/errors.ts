// Errors that only mirrors and sources know, with nats-server's own numbers and texts
// (reference 6.13).

import type { ApiError } from '../shapes.ts'

function row(code: number, err_code: number, description: string): ApiError {
  return { code, err_code, description }
}

export const mirrorWithCounters = row(400, 10173, 'stream mirrors can not also calculate counters')
export const mirrorWithSchedules = row(400, 10186, 'stream mirrors can not also schedule messages')
export const sourceWithSchedules = row(400, 10187, 'stream source can not also schedule messages')
export const mirrorWithAtomic = row(400, 10198, 'stream mirrors can not also use atomic publishing')
export const mirrorWithBatches = row(400, 10209, 'stream mirrors can not also use batch publishing')
export const mirrorConsumerInvalid = row(400, 10213, 'stream mirror consumer config is invalid')
export const mirrorNeedsFlow = row(
  400,
  10214,
  'stream mirror consumer requires flow control ack policy',
)
export const sourceConsumerInvalid = row(400, 10215, 'stream source consumer config is invalid')
export const sourceConsumerDuplicate = row(400, 10216, 'duplicate stream source consumer detected')
export const sourceNeedsFlow = row(
  400,
  10217,
  'stream source consumer requires flow control ack policy',
)
export const sourceHeaderNotAllowed = row(400, 10227, 'message stream source header is not allowed')
/** What an origin says whose API is older. */
export const apiLevelRequired = row(412, 10185, 'JetStream minimum api level required')
/** `consumer's stream identity does not match: …` */
export const identityMismatch = 10225
