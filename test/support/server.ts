// A broker in this process, from the text of a config; its port is a free one.

import { type Clock, realClock } from '../../src/base/clock.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { checkConfig, formatProblem } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { startOperator } from '../../src/server/operator-mode.ts'
import { withOperator } from '../../src/server/operator-rules.ts'
import { type ServerOptions, serverBlock } from '../../src/server/options.ts'
import { Server } from '../../src/server/server.ts'

/** The options a config text means; throws what is wrong with it. */
export function optionsOf(text: string): ServerOptions {
  const parsed = parseConfText(text, { env: {}, read: path => new Error(`no file ${path}`) })
  if (parsed.is === 'failed') throw new Error(formatProblem(parsed.problem))
  const { values, errors } = checkConfig(parsed.root, serverBlock)
  if (errors.length > 0) throw new Error(errors.map(formatProblem).join('\n'))
  return withOperator({ ...values, host: '127.0.0.1', port: -1 })
}

/** Started; close it at the end of the test. */
export async function startServer(
  text = '',
  clock: Clock = realClock,
  log: Log = silentLog,
): Promise<Server> {
  const server = new Server({ options: optionsOf(text), log, clock, turn: new Turn() })
  await startOperator(server)
  await server.start()
  return server
}
