import { startHub } from '../support/hub.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { tlsTalks } from './tls-talks.ts'

spec('TLS talks', it => {
  for (const { name, config, run } of tlsTalks) {
    it(name, async () => {
      const server = await startServer(config)
      try {
        await run(server.address.port)
      } finally {
        server.close()
      }
    })
  }
})

for (const version of ['2.10', 'newest'] as const) {
  spec(`TLS talks with nats-server ${version}`, it => {
    for (const { name, config, run } of tlsTalks) {
      it(name, async () => {
        const hub = await startHub({ version, conf: config })
        try {
          await run(hub.port)
        } finally {
          await hub.stop()
        }
      })
    }
  })
}
