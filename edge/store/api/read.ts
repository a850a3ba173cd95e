// Requests of the API, read strictly (`strict: true`, nats-server's default since 2.12): what a
// request has that the API does not know is refused and logged, so that a feature a client relies
// upon is never silently missing. With `strict: false` it is only logged.

import { invalidJson } from '../errors.ts'
import type { ApiError } from '../shapes.ts'
import { decode, type StructShape } from './decode.ts'
import { isFault } from './go-json.ts'
import type { ApiRequest } from './request.ts'
import { type Fields, isEmpty, readFields } from './text.ts'

type Asked = Pick<ApiRequest, 'jetstream' | 'subject' | 'body'>

/** The fields of a request, null and absent ones left out; or the error 10025. */
export function readRequest(request: Asked, shape: StructShape): Fields | ApiError {
  const { jetstream, subject, body } = request
  const decoded = decode(body, shape)
  if (isFault(decoded)) {
    const { why, offset, loosely } = decoded
    const strictly = offset === null ? why : `${why} at offset ${offset}`
    jetstream.warnOf(subject, strictly)
    return invalidJson(jetstream.strict ? strictly : loosely)
  }
  const { fields, unknown, wrong } = decoded
  const unknownWhy = unknown === null ? null : `json: unknown field ${JSON.stringify(unknown)}`
  const why = unknownWhy ?? wrong
  if (why === null) return fields
  jetstream.warnOf(subject, why)
  if (jetstream.strict) return invalidJson(why)
  return wrong === null ? fields : invalidJson(wrong)
}

/** For the few requests where unknown fields never mattered. */
export function readLoosely(body: Buffer, shape: StructShape): Fields | ApiError {
  if (body.length === 0) return invalidJson('unexpected end of JSON input')
  const decoded = decode(body, shape)
  if (isFault(decoded)) return invalidJson(decoded.loosely)
  return decoded.wrong === null ? decoded.fields : invalidJson(decoded.wrong)
}

/** Where a body is optional, what is neither an object nor a list counts as none. */
export function hasJson(body: Buffer): boolean {
  for (const byte of body) {
    if (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d) continue
    return byte === 0x7b || byte === 0x5b
  }
  return false
}

/** A request whose body may be missing. */
export function readOptional(request: Asked, shape: StructShape): Fields | ApiError {
  return hasJson(request.body) ? readRequest(request, shape) : {}
}

/** No body at all, or an object with nothing in it. */
export function isEmptyRequest(body: Buffer): boolean {
  const fields = readFields(body)
  return fields !== null && isEmpty(fields)
}
