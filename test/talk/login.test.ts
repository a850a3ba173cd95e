import { startHub } from '../support/hub.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { logins } from './logins.ts'

spec('logins', it => {
  for (const { name, config, run } of logins) {
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

spec('logins with nats-server', it => {
  for (const { name, config, run } of logins) {
    it(name, async () => {
      const hub = await startHub({ version: '2.10', conf: config })
      try {
        await run(hub.port)
      } finally {
        await hub.stop()
      }
    })
  }
})
