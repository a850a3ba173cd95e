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

/** A profile of V8's; null: there is none of that name. */
export function profileOf(name: string, durationMs: number): Promise<Buffer> | null {
  if (name === 'cpu') return cpuProfile(durationMs)
  return name === 'heap' || name === 'allocs' ? heapProfile() : null
}

/** For DevTools: `.cpuprofile`. */
async function cpuProfile(durationMs: number): Promise<Buffer> {
  const { Session } = await import('node:inspector/promises')
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.start')
    await new Promise(resolve => setTimeout(resolve, durationMs).unref())
    const { profile } = await session.post('Profiler.stop')
    return Buffer.from(JSON.stringify(profile))
  } finally {
    session.disconnect()
  }
}

/** For DevTools: `.heapprofile`, of what was allocated in a moment and is still there. */
async function heapProfile(): Promise<Buffer> {
  const { Session } = await import('node:inspector/promises')
  const session = new Session()
  session.connect()
  try {
    await session.post('HeapProfiler.enable')
    await session.post('HeapProfiler.startSampling')
    await new Promise(resolve => setTimeout(resolve, heapMs).unref())
    const { profile } = await session.post('HeapProfiler.stopSampling')
    return Buffer.from(JSON.stringify(profile))
  } finally {
    session.disconnect()
  }
}

function none(error: string): Data {
  return { profile: null, error }
}
