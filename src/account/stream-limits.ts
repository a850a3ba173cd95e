// What an account may store, as its config or its JWT says. The store keeps to it; -1 = without
// limit, and no storage at all = no JetStream.

export interface StreamLimits {
  readonly memoryBytesMax: number
  readonly diskBytesMax: number
  readonly streamsMax: number
  /** Of one stream. */
  readonly consumersMax: number
  /** Of one consumer. */
  readonly ackPendingMax: number
  readonly memoryStreamBytesMax: number
  readonly diskStreamBytesMax: number
  readonly maxBytesRequired: boolean
}

/** By tier (`R1`, `R3`); '' = all replicas together. Empty = no JetStream. */
export type TieredLimits = ReadonlyMap<string, StreamLimits>

/** Of an account that has JetStream and no limits of its own: the server's bound it. */
export const freeStreams: StreamLimits = {
  memoryBytesMax: -1,
  diskBytesMax: -1,
  streamsMax: -1,
  consumersMax: -1,
  ackPendingMax: -1,
  memoryStreamBytesMax: -1,
  diskStreamBytesMax: -1,
  maxBytesRequired: false,
}

/** What it sets aside of the server's memory and disk. */
export function setAside(limits: TieredLimits): { memoryBytes: number; diskBytes: number } {
  let [memoryBytes, diskBytes] = [0, 0]
  for (const { memoryBytesMax, diskBytesMax } of limits.values()) {
    memoryBytes += Math.max(0, memoryBytesMax)
    diskBytes += Math.max(0, diskBytesMax)
  }
  return { memoryBytes, diskBytes }
}
