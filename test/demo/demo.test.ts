// The demo itself, in a hurry.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'

const demo = fileURLToPath(new URL('run.ts', import.meta.url))
const demoMsMax = 120_000

spec('demo', it => {
  it(
    'ends with every reading on the hub, and cleans up after itself',
    () => {
      const temporary = scratch('whole')
      const times = ['--online=1000', '--cut=1500', '--again=1000']
      const { status, stdout, stderr } = spawnSync(process.execPath, [demo, ...times], {
        encoding: 'utf8',
        timeout: demoMsMax,
        env: { ...process.env, TMPDIR: temporary },
      })
      const end =
        /captured (\d+) {2}stored (\d+) {2}delivered (\d+) {2}duplicates 0 {2}lost 0\n/.exec(stdout)
      assert.ok(end, stdout + stderr)
      const [, captured, stored, delivered] = end ?? []
      assert.ok(Number(captured) > 200, stdout)
      assert.is(stored, captured)
      assert.is(delivered, captured)
      assert.match(stdout, 'link CUT')
      assert.is(status, 0, stderr)
      assert.equal(readdirSync(temporary), [])
    },
    demoMsMax,
  )
})
