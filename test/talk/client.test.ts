import type { Server } from '../../src/server/server.ts'
import { startHub } from '../support/hub.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { dial } from '../support/talk.ts'
import { type Conversation, conversations } from './conversations.ts'

async function hold({ connect, lines }: Conversation, port: number): Promise<void> {
  const talk = await dial(port)
  try {
    await talk.info()
    if (connect) talk.send(`${connect}\r\n`)
    let isOpen = true
    for (const line of lines) {
      if (line.startsWith('>> ')) talk.send(line.slice(3))
      else if (line.startsWith('> ')) talk.send(`${line.slice(2)}\r\n`)
      else if (line.startsWith('= ')) await talk.expect(new RegExp(line.slice(2)))
      else if (line.startsWith('< ')) await talk.expect(`${line.slice(2)}\r\n`)
      else {
        await talk.expectEnd()
        isOpen = false
      }
    }
    if (isOpen) await talk.sync()
  } finally {
    talk.close()
  }
}

spec('client conversations', it => {
  for (const conversation of conversations) {
    it(conversation.name, async () => {
      let server: Server | undefined
      try {
        server = await startServer(conversation.config)
        await hold(conversation, server.address.port)
      } finally {
        server?.close()
      }
    })
  }
})

spec('the same with nats-server', it => {
  for (const conversation of conversations) {
    it(conversation.name, async () => {
      const hub = await startHub({ version: '2.15', conf: conversation.config ?? '' })
      try {
        await hold(conversation, hub.port)
      } finally {
        await hub.stop()
      }
    })
  }
})
