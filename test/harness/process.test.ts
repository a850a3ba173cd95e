// Programs started by tests must never outlive them, and links must break when told to.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { CutProxy } from '../support/cut-proxy.ts'
import { scratch } from '../support/directory.ts'
import { install, natsServer, natsServerVersion, program } from '../support/peers.ts'
import { freePorts, isListening } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { failure } from '../support/failure.ts'
import { spec } from '../support/spec.ts'
import { dial } from '../support/talk.ts'

const helper = JSON.stringify(fileURLToPath(new URL('../support/process.ts', import.meta.url)))

/** A zombie is dead: only nobody has asked for its status yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

spec('started programs', it => {
  it('are ready when they said so, and end when told', async () => {
    const running = await start('sh', ['-c', 'echo a; echo ready; exec sleep 60'], 'ready')
    assert.ok(isAlive(running.pid))
    assert.equal(await running.stop(), { code: null, signal: 'SIGTERM' })
    assert.equal(await running.stop(), { code: null, signal: 'SIGTERM' })
    assert.not(isAlive(running.pid))
  })

  it('are killed when they do not listen to SIGTERM', async () => {
    const script = 'trap "" TERM; echo ready; while :; do sleep 1; done'
    const running = await start('sh', ['-c', script], 'ready')
    assert.is((await running.stop()).signal, 'SIGKILL')
  })

  it('fail with what they printed', async () => {
    const text = await failure(start('sh', ['-c', 'echo because >&2; exit 3'], 'ready'))
    assert.match(text, 'ended (3) before it said ready')
    assert.match(text, 'because')
    const late = await failure(start('sh', ['-c', 'exec sleep 60'], 'ready', { readyMsMax: 50 }))
    assert.match(late, 'not within 50 ms')
    assert.match(await failure(start('no-such-program', [], 'ready')), 'no-such-program')
  })

  for (const [how, code] of [
    ['returns', ''],
    ['throws', "throw new Error('x')"],
    ['is killed by SIGTERM', "process.kill(process.pid, 'SIGTERM')"],
  ]) {
    it(`do not outlive a test that ${how}`, () => {
      const file = join(scratch('outlive'), 'case.ts')
      writeFileSync(
        file,
        `import { start } from ${helper}
const running = await start('sh', ['-c', 'echo ready; exec sleep 60'], 'ready')
console.log('pid', running.pid)
setTimeout(() => process.exit(), 100)
${code}\n`,
      )
      const { stdout } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
      const pid = Number(/pid (\d+)/.exec(stdout)?.[1])
      assert.ok(pid > 0, stdout)
      assert.not(isAlive(pid))
    })
  }
})

spec('peers', it => {
  it('are all there, each in the version asked for', () => {
    install()
    assert.match(natsServerVersion(natsServer('2.9')), /^2\.9\./)
    assert.match(natsServerVersion(natsServer('2.10')), /^2\.10\./)
    assert.match(natsServerVersion(natsServer('newest')), /^2\.(1[5-9]|[2-9]\d)\./)
    for (const name of ['mosquitto', 'mosquitto_pub', 'socat', 'strace', 'ip', 'openssl']) {
      assert.ok(program(name).endsWith(`/${name}`))
    }
    assert.throws(() => program('no-such-program'), /apt-get install/)
  })

  it('get ports that nobody uses, each its own', async () => {
    const ports = await freePorts(20)
    assert.is(new Set(ports).size, 20)
    for (const port of ports) assert.not(await isListening(port))
  })
})

spec('cut proxy', it => {
  it('carries, breaks and carries again', async () => {
    const server = createServer(socket => {
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    await new Promise<void>(resolve => {
      server.listen(0, '127.0.0.1', () => resolve())
    })
    const link = new CutProxy()
    link.targetPort = (server.address() as AddressInfo).port
    await link.start()
    const first = await dial(link.port)
    first.send('hello')
    await first.expect('hello')
    link.down()
    await first.expectEnd()
    // Ended before or after the handshake is over: both are a dead link.
    const dead = dial(link.port).then(talk => talk.expect('x'))
    assert.match(await failure(dead), /ECONNRESET|was closed/)
    link.up()
    const third = await dial(link.port)
    third.send('again')
    await third.expect('again')
    await link.close()
    await third.expectEnd()
    server.close()
  })
})
