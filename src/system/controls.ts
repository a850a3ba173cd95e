// The services that do something: read the config again, close a client, send one away.

import type { Data } from './answers.ts'
import type { SystemHost } from './host.ts'
import type { RequestOptions, RequestShape } from './options.ts'
import { Failure } from './views.ts'

interface Control extends RequestShape {
  /** Throws Failure. */
  readonly act: (host: SystemHost, options: RequestOptions) => Data
}

const cid = { cid: { type: 'uint64', param: 'cid' } } as const

/** `$SYS.REQ.SERVER.<id>.<name>`. */
export const controls: Readonly<Record<string, Control>> = {
  RELOAD: {
    type: 'EventFilterOptions',
    fields: {},
    act: host => done(host.reload()),
  },
  KICK: {
    type: 'KickClientReq',
    fields: cid,
    act: (host, { query }) =>
      done(host.kick(query.uint('cid')) ? null : 'no such client or leafnode id'),
  },
  LDM: {
    type: 'LDMClientReq',
    fields: cid,
    act: (host, { query }) => done(host.sendLameDuck(query.uint('cid'))),
  },
}

function done(problem: string | null): Data {
  if (problem !== null) throw new Failure(problem)
  return 'done'
}
