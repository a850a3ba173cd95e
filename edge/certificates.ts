// When the certificates of the listeners end, for monitoring. A file is read once for each time
// that the config was: who replaces certificates reloads.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { CertificateEnds } from '../src/monitor/shapes.ts'

/** Where the certificates are, by the block of /varz they stand in; null = it has none. */
export type CertificateFiles = Readonly<Partial<Record<keyof CertificateEnds, string | null>>>

export class Certificates {
  #loadedMs = Number.NaN
  #ends: CertificateEnds = {}

  ends(files: CertificateFiles, loadedMs: number): CertificateEnds {
    if (loadedMs === this.#loadedMs) return this.#ends
    const known = Object.entries(files).map(([block, path]) => [block, endOf(path)] as const)
    this.#ends = Object.fromEntries(known.filter(([, endMs]) => endMs !== null))
    this.#loadedMs = loadedMs
    return this.#ends
  }
}

/** null: none, or none that can be read; whoever listens with it has said so. */
function endOf(path: string | null): number | null {
  if (path === null) return null
  try {
    return new X509Certificate(readFileSync(path)).validToDate.getTime()
  } catch {
    return null
  }
}
