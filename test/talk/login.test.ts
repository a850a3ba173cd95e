import { startHub } from '../support/hub.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { accountTalks } from './accounts.ts'
import { logins } from './logins.ts'

const talks = [...logins, ...accountTalks]

spec('logins', it => {
  for (const { name, config, run } of talks) {
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
  for (const { name, config, run } of talks) {
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
