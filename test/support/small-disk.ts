// A disk of a few megabytes: a tmpfs in a mount namespace of its own, which a process holds open.
// Programs enter it with `wrap`; it is gone with its holder.

import { program } from './peers.ts'
import { scratch } from './directory.ts'
import { start } from './process.ts'

export interface SmallDisk {
  /** Where it is mounted, for those inside. */
  readonly dir: string
  /** In front of a command that shall run inside. */
  readonly wrap: readonly string[]
  close(): Promise<void>
}

export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const dir = scratch('small-disk')
  const isRoot = process.getuid?.() === 0
  // Who is not root is root in a user namespace, where the system allows that.
  const spaces = isRoot ? ['--mount'] : ['--mount', '--user', '--map-root-user']
  const script = `mount -t tmpfs -o size=${bytes} none "$0" && echo mounted && exec sleep 3600`
  const holder = await start(
    program('unshare'),
    [...spaces, '--propagation', 'private', 'sh', '-c', script, dir],
    'mounted',
  )
  const entered = isRoot ? ['--mount'] : ['--mount', '--user', '--preserve-credentials']
  return {
    dir,
    wrap: [program('nsenter'), '--target', String(holder.pid), ...entered, '--'],
    close: async () => {
      await holder.stop('SIGKILL')
    },
  }
}
