// Traffic that is over: what connections sent and received that are gone. Live ones count in their
// own fields, so that a message costs no second addition.

/** Counters of one direction pair; `in` is what the peer sent. */
export interface Traffic {
  readonly inMsgs: number
  readonly inBytes: number
  readonly outMsgs: number
  readonly outBytes: number
}

export interface AccountTotals {
  inMsgs: number
  inBytes: number
  outMsgs: number
  outBytes: number
  /** Connections cut off because they did not keep up. */
  slowConsumers: number
}

export function newTotals(): AccountTotals {
  return { inMsgs: 0, inBytes: 0, outMsgs: 0, outBytes: 0, slowConsumers: 0 }
}

export function addTraffic(totals: { -readonly [K in keyof Traffic]: number }, of: Traffic): void {
  totals.inMsgs += of.inMsgs
  totals.inBytes += of.inBytes
  totals.outMsgs += of.outMsgs
  totals.outBytes += of.outBytes
}
