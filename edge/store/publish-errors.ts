// The errors of publishing that came with 2.12 and later: counters, atomic and fast batches
// (ADR-49, ADR-50); one row each, with nats-server's own number and text.

import type { ApiError } from './shapes.ts'

function row(code: number, err_code: number, description: string): ApiError {
  return { code, err_code, description }
}

/** Of a message that is not the first of its batch to write where it looks. */
export const wrongLastSequenceInBatch = row(400, 10164, 'wrong last sequence')
export const counterDisabled = row(400, 10168, 'message counters is disabled')
export const incrementMissing = row(400, 10169, 'message counter increment is missing')
export const counterHasPayload = row(400, 10170, 'message counter has payload')
export const incrementInvalid = row(400, 10171, 'message counter increment is invalid')
export const counterBroken = row(400, 10172, 'message counter is broken')
export const atomicDisabled = row(400, 10174, 'atomic publish is disabled')
export const atomicSequenceMissing = row(400, 10175, 'atomic publish sequence is missing')
export const atomicIncomplete = row(400, 10176, 'atomic publish batch is incomplete')
export const atomicUnsupportedHeader = (header: string): ApiError =>
  row(400, 10177, `atomic publish unsupported header used: ${header}`)
export const atomicIdInvalid = row(400, 10179, 'atomic publish batch ID is invalid')
export const apiLevelRequired = row(412, 10185, 'JetStream minimum api level required')
export const subjectSequenceMissing = row(
  400,
  10193,
  'missing sequence for expected last sequence per subject',
)
export const atomicTooLarge = (size: string): ApiError =>
  row(400, 10199, `atomic publish batch is too large: ${size}`)
export const atomicCommitInvalid = row(400, 10200, 'atomic publish batch commit is invalid')
export const atomicDuplicateId = row(
  400,
  10201,
  'atomic publish batch contains duplicate message id',
)
export const batchDisabled = row(400, 10205, 'batch publish is disabled')
export const batchPatternInvalid = row(400, 10206, 'batch publish pattern is invalid')
export const batchIdInvalid = row(400, 10207, 'batch publish ID is invalid')
export const batchIdUnknown = row(400, 10208, 'batch publish ID unknown')
export const atomicTooManyInflight = row(429, 10210, 'atomic publish too many inflight')
export const batchTooManyInflight = row(429, 10211, 'batch publish too many inflight')
/** A client's message that says it came from a source. */
export const sourceHeaderNotAllowed = row(400, 10227, 'message stream source header is not allowed')
