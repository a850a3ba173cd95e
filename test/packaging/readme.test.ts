// The README's example is a config that passes the check.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { edgeMain } from '../support/edge.ts'
import { spec } from '../support/spec.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

spec('README', it => {
  it('shows a config that passes the check', () => {
    const [, text] = /```conf\n([\s\S]*?)```/.exec(readme) ?? []
    assert.ok(text, 'no example')
    const file = join(scratch('readme'), 'example.conf')
    writeFileSync(file, text ?? '')
    const args = [edgeMain, '-c', file, '-t']
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.is(status, 0, stderr)
  })

  it('names commands that exist', () => {
    const { scripts } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    )
    for (const [, name] of readme.matchAll(/npm run (\w+)/g))
      assert.ok(name && name in scripts, name)
    assert.ok('start' in scripts && 'test' in scripts)
  })
})
