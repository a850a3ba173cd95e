// The end of a turn of the event loop: where each outbox makes its one write and the store
// commits the turn's one transaction.
//
// setImmediate runs right after libuv's poll phase, so everything the ready sockets brought is
// gathered first and no time is added.

import { Lookout } from './lookout.ts'

/** Something to do once when the turn ends. `queued` belongs to the Turn. */
export interface TurnJob {
  queued: boolean
  endTurn(): void
}

export class Turn {
  #jobs: TurnJob[] = []
  #spare: TurnJob[] = []
  readonly #lookout = new Lookout()
  readonly #run = (): void => {
    this.end()
    this.#lookout.turned()
  }

  /** Runs `job.endTurn()` once at the end of this turn, however often it is added. */
  add(job: TurnJob): void {
    if (job.queued) return
    job.queued = true
    if (this.#jobs.push(job) === 1) setImmediate(this.#run)
  }

  /** Ends the turn now: jobs added by jobs run too, in the same call. */
  end(): void {
    const jobs = this.#jobs
    this.#jobs = this.#spare
    for (let i = 0; i < jobs.length; i++) {
      const job = jobs[i] as TurnJob
      job.queued = false
      job.endTurn()
    }
    jobs.length = 0
    this.#spare = jobs
  }
}
