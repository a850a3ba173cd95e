// Profiles of V8 over HTTP: what is served, to whom, and one at a time.

import { request } from 'node:http'
import * as assert from 'uvu/assert'
import { silentLog } from '../../src/base/log.ts'
import { Profiler } from '../../src/server/profiler.ts'
import { spec } from '../support/spec.ts'

interface Answer {
  readonly status: number
  readonly name: string
  readonly body: string
}

function get(port: number, path: string, host = 'localhost', method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, path, method, host: '127.0.0.1', headers: { host } }, response => {
      let body = ''
      response.on('data', data => {
        body += data
      })
      response.on('end', () => {
        const name = String(response.headers['content-disposition'] ?? '')
        resolve({ status: response.statusCode ?? 0, name, body })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

spec('profiler', it => {
  const running = async (use: (port: number) => Promise<void>) => {
    const profiler = new Profiler(-1, silentLog)
    await profiler.start()
    try {
      await use(profiler.port)
    } finally {
      await profiler.close()
    }
  }
  it('serves a CPU profile and sampled allocations', () =>
    running(async port => {
      const cpu = await get(port, '/debug/pprof/profile?seconds=0.05')
      assert.is(cpu.status, 200)
      assert.match(cpu.name, 'nats-edge.cpuprofile')
      assert.ok(Array.isArray((JSON.parse(cpu.body) as { nodes: unknown }).nodes))
      const heap = await get(port, '/debug/pprof/heap?seconds=0.05')
      assert.match(heap.name, 'nats-edge.heapprofile')
      assert.ok((JSON.parse(heap.body) as { head: unknown }).head)
    }))
  it('serves a snapshot of the heap', () =>
    running(async port => {
      const { name, body } = await get(port, '/debug/pprof/heap?snapshot=1')
      assert.match(name, 'nats-edge.heapsnapshot')
      assert.ok((JSON.parse(body) as { snapshot: unknown }).snapshot)
    }))
  it('takes one profile at a time, and the next one after it', () =>
    running(async port => {
      const first = get(port, '/debug/pprof/profile?seconds=0.3')
      await get(port, '/debug/pprof/')
      assert.is((await get(port, '/debug/pprof/heap?seconds=0.05')).status, 503)
      assert.is((await first).status, 200)
      assert.is((await get(port, '/debug/pprof/heap?seconds=0.05')).status, 200)
    }))
  it('refuses what it does not have, too long a time and strangers', () =>
    running(async port => {
      assert.match((await get(port, '/debug/pprof/')).body, 'profile?seconds=')
      assert.is((await get(port, '/debug/pprof/goroutine')).status, 404)
      for (const seconds of ['0', '-1', '121', 'x', 'Infinity']) {
        assert.is((await get(port, `/debug/pprof/profile?seconds=${seconds}`)).status, 400)
      }
      assert.is((await get(port, '/debug/pprof/', 'evil.example')).status, 403)
      assert.is((await get(port, '/debug/pprof/', 'localhost', 'POST')).status, 405)
    }))
  it('ends a long profile when it is closed', async () => {
    const profiler = new Profiler(-1, silentLog)
    await profiler.start()
    const asked = get(profiler.port, '/debug/pprof/profile?seconds=100').catch(() => null)
    await get(profiler.port, '/debug/pprof/')
    await profiler.close()
    await asked
  })
})
