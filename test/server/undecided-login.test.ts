// A login that cannot be decided, because what decides it fails, is a refusal.

import type { CalloutCheck } from '../../src/account/authenticate.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { dial } from '../support/talk.ts'

spec('login that cannot be decided', it => {
  it('is refused: it neither hangs nor ends the server', async () => {
    const server = await startServer('authorization { user: a, password: pw, timeout: 60 }')
    const broken: CalloutCheck = { decide: () => Promise.reject(new Error('broken')) }
    server.authorization = { ...server.authorization, callout: broken }
    try {
      const talk = await dial(server.address.port)
      await talk.info()
      talk.send('CONNECT {"verbose":false,"user":"a","pass":"pw"}\r\nPING\r\n')
      await talk.expectEnd("-ERR 'Authorization Violation'\r\n")
    } finally {
      server.close()
    }
  })
})
