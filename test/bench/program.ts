// The program as it ships: compiled. Run from its sources it would carry a compiler along, which
// alone weighs more than the broker.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Builds it; returns the path of the main file. */
export function compile(): string {
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const args = ['-p', 'tsconfig.json', '--noEmit', 'false']
  const { status, stdout } = spawnSync(tsc, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the build failed:\n${stdout}`)
  return join(root, 'dist', 'edge', 'main.js')
}
