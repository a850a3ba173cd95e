// PROFILEZ: a profile of the process, as bytes in base64. What profiles there are, and what is in
// them, is V8's affair: they are opened with its tools, not with pprof.

import type { Data } from './answers.ts'
import type { SystemHost } from './host.ts'
import type { RequestOptions, RequestShape } from './options.ts'

const cpuMsMax = 15_000
/** A heap profile samples what is allocated meanwhile. */
const heapMs = 1000
const nsPerMs = 1_000_000

interface ProfileView extends RequestShape {
  readonly show: (host: SystemHost, options: RequestOptions) => Data | Promise<Data>
}

export const profileView: ProfileView = {
  type: 'ProfilezEventOptions',
  fields: {
    name: { type: 'string', param: 'name' },
    debug: { type: 'int', param: 'debug' },
    duration: { type: 'int', param: 'duration' },
  },
  show: (host, { query }) => {
    const name = query.text('name')
    const ms = query.int('duration') / nsPerMs
    if (name === '') return none('Profile name not specified')
    if (name === 'cpu' && (ms <= 0 || ms > cpuMsMax)) {
      return none(`Duration ${ms / 1000}s should be between 0s and 15s`)
    }
    const profile = host.profile(name, ms)
    if (profile === null) return none(`Profile "${name}" not found`)
    return profile.then(
      bytes => ({ profile: bytes.toString('base64') }),
      (error: Error) => none(`Profile "${name}" error: ${error.message}`),
    )
  },
}

/** Takes one profile at a time. */
export class Profiles {
  #isBusy = false

  /** For DevTools: `.cpuprofile` or `.heapprofile`; null: there is none of that name. */
  take(name: string, durationMs: number): Promise<Buffer> | null {
    if (name === 'cpu') return this.#run('Profiler', 'start', 'stop', durationMs)
    if (name !== 'heap' && name !== 'allocs') return null
    return this.#run('HeapProfiler', 'startSampling', 'stopSampling', heapMs)
  }

  async #run(domain: string, start: string, stop: string, ms: number): Promise<Buffer> {
    if (this.#isBusy) throw new Error('another profile is being taken')
    this.#isBusy = true
    const { Session } = await import('node:inspector/promises')
    const session = new Session()
    try {
      session.connect()
      await session.post(`${domain}.enable`)
      await session.post(`${domain}.${start}`)
      await new Promise(resolve => setTimeout(resolve, ms).unref())
      const taken: unknown = await session.post(`${domain}.${stop}`)
      return Buffer.from(JSON.stringify((taken as { profile: object }).profile))
    } finally {
      session.disconnect()
      this.#isBusy = false
    }
  }
}

function none(error: string): Data {
  return { profile: null, error }
}
