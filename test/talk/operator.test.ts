import { scratch } from '../support/directory.ts'
import { startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { operatorTalks } from './operators.ts'
import { shareTalks } from './operator-shares.ts'
import { resolverTalks } from './resolvers.ts'

spec('operator mode', it => {
  for (const { name, config, run } of operatorTalks) {
    it(name, async () => {
      const server = await startServer(config())
      try {
        await run(server.address.port)
      } finally {
        server.close()
        await server.operator?.close()
      }
    })
  }
})

spec('resolvers', it => {
  for (const { name, config, run } of resolverTalks) {
    it(name, async () => {
      const server = await startServer(config(scratch('jwts')))
      try {
        await run(server.address.port)
      } finally {
        server.close()
        await server.operator?.close()
      }
    })
  }
})

spec('operator mode: shares', it => {
  for (const { name, config, run } of shareTalks) {
    it(name, async () => {
      const server = await startServer(config())
      try {
        await run(server.address.port)
      } finally {
        server.close()
        await server.operator?.close()
      }
    })
  }
})

for (const version of ['2.10', 'newest'] satisfies NatsVersion[]) {
  spec(`operator mode with nats-server ${version}`, it => {
    for (const { name, config, run, isNew } of operatorTalks) {
      if (isNew && version === '2.10') continue
      it(name, async () => {
        const hub = await startHub({ version, conf: config() })
        try {
          await run(hub.port)
        } finally {
          await hub.stop()
        }
      })
    }
  })
}
for (const version of ['2.10', 'newest'] satisfies NatsVersion[]) {
  spec(`resolvers with nats-server ${version}`, it => {
    for (const { name, config, run } of resolverTalks) {
      it(name, async () => {
        const hub = await startHub({ version, conf: config(scratch('jwts')) })
        try {
          await run(hub.port)
        } finally {
          await hub.stop()
        }
      })
    }
  })
}

for (const version of ['2.10', 'newest'] satisfies NatsVersion[]) {
  spec(`operator mode: shares with nats-server ${version}`, it => {
    for (const { name, config, run } of shareTalks) {
      it(name, async () => {
        const hub = await startHub({ version, conf: config() })
        try {
          await run(hub.port)
        } finally {
          await hub.stop()
        }
      })
    }
  })
}
