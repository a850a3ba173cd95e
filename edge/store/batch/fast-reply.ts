// The reply subject that carries a fast batch's control (ADR-50):
//
//   <prefix>.<id>.<flow>.<ok|fail>.<sequence>.<operation>.$FI
//
//   0 start (sequence 1)   1 append (from 2 on)   2 commit with this message
//   3 commit without it (from 2 on)               4 ping: sequence = the highest one sent

export type FastOperation = 'start' | 'append' | 'commit' | 'end' | 'ping'

export interface FastReply {
  readonly id: string
  /** Answers are asked for every so many messages at most. */
  readonly flow: number
  readonly gapOk: boolean
  readonly seq: number
  readonly operation: FastOperation
}

const suffix = '.$FI'
const operations: readonly FastOperation[] = ['start', 'append', 'commit', 'end', 'ping']
const flowDefault = 10
const flowMax = 65_535
const digits = /^\d{1,15}$/

/** A fast batch's message? Cheap: it is asked of every message. */
export function isFastReply(reply: string): boolean {
  return reply.charCodeAt(reply.length - 1) === 0x49 && reply.endsWith(suffix)
}

/** null: the pattern is invalid. */
export function readFastReply(reply: string): FastReply | null {
  const tokens = lastTokens(reply.slice(0, -suffix.length))
  if (tokens === null) return null
  const [id, flow, gap, seqText, operationText] = tokens
  const operation = operations[digits.test(operationText) ? Number(operationText) : -1]
  const seq = digits.test(seqText) ? Number(seqText) : 0
  if (operation === undefined || seq === 0) return null
  if (operation === 'start' ? seq !== 1 : isEarly(operation, seq)) return null
  if (gap !== 'ok' && gap !== 'fail') return null
  return { id, flow: flowOf(flow), gapOk: gap === 'ok', seq, operation }
}

function isEarly(operation: FastOperation, seq: number): boolean {
  return seq === 1 && (operation === 'append' || operation === 'end')
}

function flowOf(text: string): number {
  const flow = digits.test(text) ? Number(text) : 0
  return flow === 0 ? flowDefault : Math.min(flow, flowMax)
}

type Five = readonly [string, string, string, string, string]

/** The last five, if there is a prefix before them. */
function lastTokens(text: string): Five | null {
  const dot5 = text.lastIndexOf('.')
  const dot4 = text.lastIndexOf('.', dot5 - 1)
  const dot3 = text.lastIndexOf('.', dot4 - 1)
  const dot2 = text.lastIndexOf('.', dot3 - 1)
  const dot1 = text.lastIndexOf('.', dot2 - 1)
  if (dot1 <= 0 || dot2 <= dot1 || dot3 <= dot2 || dot4 <= dot3) return null
  return [
    text.slice(dot1 + 1, dot2),
    text.slice(dot2 + 1, dot3),
    text.slice(dot3 + 1, dot4),
    text.slice(dot4 + 1, dot5),
    text.slice(dot5 + 1),
  ]
}
