import { startHub } from '../support/hub.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { ownTalks, sharingTalks } from './sharing.ts'

spec('sharing between accounts', it => {
  for (const { name, config, run } of [...sharingTalks, ...ownTalks]) {
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

for (const version of ['2.10', '2.15'] as const) {
  spec(`sharing between accounts with nats-server ${version}`, it => {
    for (const { name, config, run } of sharingTalks) {
      it(name, async () => {
        const hub = await startHub({ version, conf: config ?? '' })
        try {
          await run(hub.port)
        } finally {
          await hub.stop()
        }
      })
    }
  })
}
