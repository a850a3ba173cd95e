// A disk as a power cut leaves it. Per file: what was synced, and the operations since, of which
// any may have reached the disk: none, all, some in any order, some sectors of one. Names follow
// the directory's own fsync; until then any number of the first changes may be lost.
//
// A sync covers what had returned before it began.

import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Operation } from './recording.ts'

type Change =
  | { readonly is: 'write'; readonly at: number; readonly data: Buffer }
  | { readonly is: 'truncate'; readonly size: number }

interface Inode {
  synced: Buffer
  pending: Change[]
  readonly syncs: Map<number, number>
}

type Naming = { readonly name: string; readonly inode: Inode | null }

export type Loss = 'none' | 'all' | 'some' | 'torn'
export const losses: readonly Loss[] = ['all', 'none', 'some', 'torn']

const sectorBytes = 512

export class Disk {
  readonly #dir: string
  /** Names as the process sees them, and as they are on disk. */
  readonly #names = new Map<string, Inode>()
  readonly #syncedNames = new Map<string, Inode>()
  #namings: Naming[] = []
  readonly #nameSyncs = new Map<number, number>()

  constructor(dir: string) {
    this.#dir = dir
  }

  apply(operation: Operation): void {
    switch (operation.is) {
      case 'open':
        if (operation.creates && !this.#names.has(operation.file)) this.#create(operation.file)
        return
      case 'write':
      case 'truncate':
        this.#names.get(operation.file)?.pending.push(operation)
        return
      case 'sync-begins':
      case 'sync-ends':
        this.#sync(operation.file, operation.call, operation.is === 'sync-ends')
        return
      case 'rename': {
        const inode = this.#names.get(operation.from)
        if (!inode) return
        this.#name(operation.from, null)
        this.#name(operation.to, inode)
        return
      }
      case 'unlink':
        this.#name(operation.file, null)
        return
      case 'event':
        return
      default:
        operation satisfies never
    }
  }

  /** Writes what is left after a cut into a directory. `random` gives numbers below 1. */
  leave(dir: string, loss: Loss, random: () => number): void {
    const names = new Map(this.#syncedNames)
    const kept = loss === 'all' ? 0 : loss === 'none' ? this.#namings.length : this.#pick(random)
    for (const { name, inode } of this.#namings.slice(0, kept)) {
      if (inode) names.set(name, inode)
      else names.delete(name)
    }
    for (const [name, inode] of names) {
      // SQLite's shared memory is rebuilt by whoever opens first: it holds nothing of worth.
      if (name.endsWith('-shm')) continue
      const content = contentOf(inode, loss, random)
      fs.writeFileSync(path.join(dir, path.relative(this.#dir, name)), content)
    }
  }

  #pick(random: () => number): number {
    return Math.floor(random() * (this.#namings.length + 1))
  }

  #create(file: string): void {
    this.#name(file, { synced: Buffer.alloc(0), pending: [], syncs: new Map() })
  }

  #name(name: string, inode: Inode | null): void {
    if (inode) this.#names.set(name, inode)
    else this.#names.delete(name)
    this.#namings.push({ name, inode })
  }

  #sync(file: string, call: number, ends: boolean): void {
    if (file === this.#dir) {
      if (!ends) this.#nameSyncs.set(call, this.#namings.length)
      else this.#syncNames(this.#nameSyncs.get(call) ?? 0)
      return
    }
    const inode = this.#names.get(file)
    if (!inode) return
    if (!ends) {
      inode.syncs.set(call, inode.pending.length)
      return
    }
    const count = inode.syncs.get(call) ?? 0
    inode.syncs.delete(call)
    inode.synced = applied(inode.synced, inode.pending.slice(0, count))
    inode.pending = inode.pending.slice(count)
    for (const [other, covered] of inode.syncs) {
      inode.syncs.set(other, Math.max(0, covered - count))
    }
  }

  #syncNames(count: number): void {
    for (const { name, inode } of this.#namings.splice(0, count)) {
      if (inode) this.#syncedNames.set(name, inode)
      else this.#syncedNames.delete(name)
    }
  }
}

function contentOf(inode: Inode, loss: Loss, random: () => number): Buffer {
  switch (loss) {
    case 'all':
      return inode.synced
    case 'none':
      return applied(inode.synced, inode.pending)
    case 'some':
      return applied(
        inode.synced,
        inode.pending.filter(() => random() < 0.5),
      )
    case 'torn':
      return applied(
        inode.synced,
        inode.pending.flatMap(change => torn(change, random)),
      )
    default:
      return loss satisfies never
  }
}

/** The sectors of a write that made it. */
function torn(change: Change, random: () => number): Change[] {
  if (change.is === 'truncate') return random() < 0.5 ? [change] : []
  const kept: Change[] = []
  for (let from = 0; from < change.data.length; ) {
    const at = change.at + from
    const to = Math.min(change.data.length, from + sectorBytes - (at % sectorBytes))
    if (random() < 0.7) kept.push({ is: 'write', at, data: change.data.subarray(from, to) })
    from = to
  }
  return kept
}

function applied(content: Buffer, changes: readonly Change[]): Buffer {
  let size = content.length
  let most = size
  for (const change of changes) {
    size = change.is === 'truncate' ? change.size : Math.max(size, change.at + change.data.length)
    most = Math.max(most, size)
  }
  const result = Buffer.alloc(most)
  content.copy(result)
  let end = content.length
  for (const change of changes) {
    if (change.is === 'truncate') {
      if (change.size < end) result.fill(0, change.size, end)
      end = change.size
    } else {
      change.data.copy(result, change.at)
      end = Math.max(end, change.at + change.data.length)
    }
  }
  return result.subarray(0, end)
}
