// The image without a container engine: the entrypoint by the shell, the Dockerfile by its lines.

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const entrypoint = join(root, 'image/docker-entrypoint.sh')

/** Runs the entrypoint where `nats-edge` is a program that prints its arguments. */
function enter(...args: string[]): { status: number | null; out: string } {
  const bin = scratch('bin')
  const stub = join(bin, 'nats-edge')
  writeFileSync(stub, '#!/bin/sh\nprintf "[%s]" nats-edge "$@"\nexit 7\n')
  chmodSync(stub, 0o755)
  const env = { PATH: `${bin}:/usr/bin:/bin` }
  const { status, stdout } = spawnSync('/bin/sh', [entrypoint, ...args], { encoding: 'utf8', env })
  return { status, out: stdout }
}

interface Instruction {
  readonly name: string
  readonly text: string
}

/** Continued lines joined, comments gone. */
const instructions: readonly Instruction[] = readFileSync(join(root, 'image/Dockerfile'), 'utf8')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, ' ')
  .split('\n')
  .filter(line => line.trim() !== '')
  .map(line => {
    const [name, ...rest] = line.split(' ')
    return { name: name ?? '', text: rest.join(' ') }
  })

const last = (name: string): string =>
  instructions.filter(one => one.name === name).at(-1)?.text ?? ''

spec('image entrypoint', it => {
  const rows: readonly [string[], string][] = [
    [[], '[nats-edge]'],
    [['-DV'], '[nats-edge][-DV]'],
    [['--config', '/a b.conf', '-p', '4444'], '[nats-edge][--config][/a b.conf][-p][4444]'],
    [['nats-edge', '-v'], '[nats-edge][-v]'],
  ]
  for (const [args, out] of rows) {
    it(`takes ${JSON.stringify(args)} for the broker`, () => {
      assert.equal(enter(...args), { status: 7, out })
    })
  }

  it('runs another command as it is', () => {
    assert.equal(enter('echo', 'a  b', '-c'), { status: 0, out: 'a  b -c\n' })
  })

  it('is executable', () => {
    const { status } = spawnSync(entrypoint, ['true'])
    assert.is(status, 0)
  })
})

spec('Dockerfile', it => {
  it('knows only instructions', () => {
    const known = 'FROM RUN WORKDIR COPY ENV USER VOLUME EXPOSE HEALTHCHECK ENTRYPOINT CMD'.split(
      ' ',
    )
    for (const { name } of instructions) assert.ok(known.includes(name), name)
  })

  it('builds on Node 22, and ends on the same Alpine', () => {
    const bases = instructions.filter(({ name }) => name === 'FROM').map(({ text }) => text)
    assert.equal(bases, ['node:22-alpine3.22 AS build', 'alpine:3.22'])
  })

  it('exposes what docker.conf listens on', () => {
    const ports = last('EXPOSE').split(' ')
    assert.equal(ports, ['4222', '8222', '6222', '1883'])
    const conf = readFileSync(join(root, 'conf/docker.conf'), 'utf8')
    for (const port of ports) assert.match(conf, new RegExp(`port: ${port}$`, 'm'))
    assert.match(last('HEALTHCHECK'), 'http://127.0.0.1:8222/healthz')
  })

  it('does not run as root and keeps its store in a volume', () => {
    assert.is(last('USER'), 'nats-edge')
    assert.is(last('VOLUME'), '/data')
    assert.match(readFileSync(join(root, 'conf/docker.conf'), 'utf8'), 'store_dir: /data')
  })

  it('runs the broker on the config that it copies', () => {
    assert.equal(JSON.parse(last('ENTRYPOINT')), ['docker-entrypoint.sh'])
    const command = JSON.parse(last('CMD')) as string[]
    const conf = instructions.find(({ text }) => text.startsWith('conf/docker.conf '))
    assert.is(conf?.text, `conf/docker.conf ${command.at(-1)}`)
    assert.is(enter(...command).out, `[nats-edge][--config][${command.at(-1)}]`)
  })

  it('copies only what there is and what reaches the builder', () => {
    const allowed = readFileSync(join(root, '.dockerignore'), 'utf8')
      .split('\n')
      .filter(line => line.startsWith('!'))
      .map(line => line.slice(1))
    const copies = instructions.filter(({ name, text }) => name === 'COPY' && !/^--from/.test(text))
    for (const { text } of copies) {
      for (const source of text.split(' ').slice(0, -1)) {
        assert.ok(
          allowed.some(path => source === path || source.startsWith(`${path}/`)),
          source,
        )
        // dist is made by the build.
        if (source !== 'dist') assert.ok(existsSync(join(root, source)), source)
      }
    }
  })
})
