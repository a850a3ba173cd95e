// Status messages: header blocks without a payload, byte for byte as nats-server sends them
// (reference 6.6 and the captures).

const status = (line: string): Buffer => Buffer.from(`NATS/1.0 ${line}\r\n\r\n`)

export const noMessages = status('404 No Messages')
export const requestsPending = status('408 Requests Pending')
export const consumerDeleted = status('409 Consumer Deleted')
export const pinIdMismatch = status('423 Nats-Pin-Id mismatch')
export const requiredApiLevel = status('412 Required Api Level')
export const pushBased = status('409 Consumer is push based')
export const exceededMaxWaiting = status('409 Exceeded MaxWaiting')
export const flowControlRequest = status('100 FlowControl Request')

export const badRequest = (why: string): Buffer => status(`400 Bad Request - ${why}`)
export const exceededMaxBatch = (max: number): Buffer =>
  status(`409 Exceeded MaxRequestBatch of ${max}`)
export const exceededMaxExpires = (max: string): Buffer =>
  status(`409 Exceeded MaxRequestExpires of ${max}`)
export const exceededMaxBytes = (max: number): Buffer =>
  status(`409 Exceeded MaxRequestMaxBytes of ${max}`)

/** What is left of a pull request when it ends early. */
const left = (line: string, messages: number, bytes: number): Buffer =>
  status(`${line}\r\nNats-Pending-Messages: ${messages}\r\nNats-Pending-Bytes: ${bytes}`)

export const requestTimeout = (messages: number, bytes: number): Buffer =>
  left('408 Request Timeout', messages, bytes)
export const messageTooLarge = (messages: number, bytes: number): Buffer =>
  left('409 Message Size Exceeds MaxBytes', messages, bytes)
export const batchCompleted = (messages: number, bytes: number): Buffer =>
  left('409 Batch Completed', messages, bytes)

export const wrongPinId = (messages: number, bytes: number): Buffer =>
  left('423 Nats-Wrong-Pin-Id', messages, bytes)
export const serverShutdown = (messages: number, bytes: number): Buffer =>
  left('409 Server Shutdown', messages, bytes)

export function idleHeartbeat(consumerSeq: number, streamSeq: number, stalled: string): Buffer {
  const more = stalled === '' ? '' : `\r\nNats-Consumer-Stalled: ${stalled}`
  return status(
    `100 Idle Heartbeat\r\nNats-Last-Consumer: ${consumerSeq}\r\nNats-Last-Stream: ${streamSeq}${more}`,
  )
}

/** The header block of a headers-only delivery: the stored one and the payload's size. */
export function headersOnly(headers: Buffer, payloadBytes: number): Buffer {
  return withLine(headers, `Nats-Msg-Size: ${payloadBytes}`)
}

/** The header block of a delivery to the client that holds the pin. */
export function pinned(headers: Buffer, id: string): Buffer {
  return withLine(headers, `Nats-Pin-Id: ${id}`)
}

function withLine(headers: Buffer, line: string): Buffer {
  if (headers.length === 0) return Buffer.from(`NATS/1.0\r\n${line}\r\n\r\n`)
  return Buffer.concat([headers.subarray(0, headers.length - 2), Buffer.from(`${line}\r\n\r\n`)])
}
