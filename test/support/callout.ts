// An auth callout service that speaks the wire protocol: it reads requests and answers them.

import * as assert from 'uvu/assert'
import type { NKey } from '../../src/account/nkey.ts'
import { readToken } from '../../src/operator/token.ts'
import { sign, type Times } from './jwt.ts'
import type { Talk } from './talk.ts'

/** What the request says. */
export interface CalloutRequest {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  readonly nats: {
    readonly user_nkey: string
    readonly server_id: { readonly id: string; readonly name: string; readonly xkey?: string }
    readonly client_info: Record<string, unknown>
    readonly connect_opts: Record<string, unknown>
  }
}

/** A service's answer to a request: the token, or noise. */
export type Answer = (request: CalloutRequest) => string

/** The token of an answer. */
export function response(
  signer: NKey,
  user: string,
  server: string,
  what: object,
  times: Times = {},
): string {
  const claims = { ...what, type: 'authorization_response' }
  return sign(signer, user, 'R', claims, { aud: server, ...times })
}

/** Answers until the connection ends. */
export async function serve(
  dialing: Promise<Talk>,
  answer: Answer,
): Promise<{ talk: Talk; asked: CalloutRequest[] }> {
  const talk = await dialing
  const asked: CalloutRequest[] = []
  talk.send('SUB $SYS.REQ.USER.AUTH 1\r\n')
  await talk.sync()
  const answerAll = async () => {
    for (;;) {
      const head = await talk.expect(/^MSG \$SYS\.REQ\.USER\.AUTH 1 \S+ \d+\r\n/, 15_000)
      const [, , , reply, size] = head.trim().split(' ')
      const body = await talk.expect(new RegExp(`^[^]{${size}}\r\n`))
      const request = JSON.parse(
        Buffer.from(body.split('.')[1] ?? '', 'base64url').toString(),
      ) as CalloutRequest
      assert.type(readToken(body.trim()), 'object', 'signed as it should be')
      asked.push(request)
      const text = answer(request)
      talk.send(`PUB ${reply} ${Buffer.byteLength(text)}\r\n${text}\r\n`)
    }
  }
  answerAll().catch(() => undefined)
  return { talk, asked }
}
