// Scratch directories of tests, removed when the process ends.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made = new Set<string>()

process.on('exit', () => {
  for (const path of made) rmSync(path, { recursive: true, force: true })
})

/** A new empty directory. */
export function scratch(label = 'test'): string {
  const path = mkdtempSync(join(tmpdir(), `nats-edge-${label}-`))
  made.add(path)
  return path
}
