// Tells systemd that we are ready, stopping or alive (sd_notify). Node has no datagram sockets
// of the Unix kind, so systemd's own `systemd-notify` sends: the unit needs NotifyAccess=all.

import { createRequire } from 'node:module'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'

const require = createRequire(import.meta.url)

export interface NotifyEnv {
  readonly NOTIFY_SOCKET?: string | undefined
  readonly WATCHDOG_USEC?: string | undefined
}

export interface NotifyParts {
  readonly env: NotifyEnv
  readonly clock: Clock
  readonly log: Log
  /** For tests; `systemd-notify` otherwise. */
  readonly program?: string
}

export class Notify {
  readonly #parts: NotifyParts
  readonly #isOn: boolean
  #watchdog: Timer | null = null
  #isSending = false
  #isWarned = false

  constructor(parts: NotifyParts) {
    this.#parts = parts
    this.#isOn = Boolean(parts.env.NOTIFY_SOCKET)
  }

  /** Serving from now on; begins to feed the watchdog when the unit has one. */
  ready(): void {
    if (!this.#isOn) return
    this.#send('READY=1')
    const usec = Number(this.#parts.env.WATCHDOG_USEC ?? 0)
    if (!(usec > 0)) return
    // Twice per period, as sd_watchdog_enabled(3) advises; from the loop: a stuck one starves it.
    this.#watchdog = this.#parts.clock.every(Math.max(500, usec / 2000), () => {
      if (!this.#isSending) this.#send('WATCHDOG=1')
    })
  }

  stopping(): void {
    if (this.#isOn) this.#send('STOPPING=1')
  }

  close(): void {
    this.#watchdog?.cancel()
    this.#watchdog = null
  }

  #send(state: string): void {
    this.#isSending = true
    const { program = 'systemd-notify', env } = this.#parts
    // Not imported at the top: most brokers never need it, and every module costs memory.
    const { spawn } = require('node:child_process') as typeof import('node:child_process')
    const child = spawn(program, [state], {
      stdio: 'ignore',
      env: { NOTIFY_SOCKET: env.NOTIFY_SOCKET, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    })
    const ended = (problem: string | null) => {
      this.#isSending = false
      if (problem === null || this.#isWarned) return
      this.#isWarned = true
      this.#parts.log.warn(`Cannot notify systemd: ${problem}`)
    }
    child.once('error', error => ended(error.message))
    child.once('exit', code => ended(code === 0 ? null : `${program} ended with ${code}`))
    child.unref()
  }
}
