// The -ERR texts of a hub after which dialling again at once is pointless, as nats-server treats
// them (reference 4.8).

/** After a loop was found, by either side. */
export const loopDelayMs = 30_000

export interface Refusal {
  /** What the -ERR text holds. */
  readonly says: string
  /** Before the next dial. */
  readonly delayMs: number
  /** For the log: "Leafnode connection dropped …"; '' = the -ERR itself has said it. */
  readonly about: string
}

const refusals: readonly Refusal[] = [
  {
    says: 'remote leafnode has same cluster name',
    delayMs: 30_000,
    about: 'with same cluster name error',
  },
  {
    says: 'minimum version required',
    delayMs: 5_000,
    about: 'due to minimum version requirement',
  },
  { says: 'Permissions Violation', delayMs: 30_000, about: '' },
  { says: 'Duplicate Remote LeafNode Connection', delayMs: 30_000, about: '' },
]

/** What an -ERR text means for the next dial; undefined = nothing. */
export function refusalOf(text: string): Refusal | undefined {
  return refusals.find(refusal => text.includes(refusal.says))
}
