// What an account may store, as its JWT says. The store is to keep to it; -1 = without limit, and
// no storage at all = no JetStream.

export interface StreamLimits {
  readonly memoryBytesMax: number
  readonly diskBytesMax: number
  readonly streamsMax: number
  readonly consumersMax: number
  readonly ackPendingMax: number
  readonly memoryStreamBytesMax: number
  readonly diskStreamBytesMax: number
  readonly maxBytesRequired: boolean
}

/** By tier (`R1`, `R3`); '' = all replicas together. Empty = no JetStream. */
export type TieredLimits = ReadonlyMap<string, StreamLimits>
