// Reading one stream. Sees messages from the first to the last readable one: what a power cut
// could take back stays out of sight (invariant 2), and what is removed is gone at once, although
// its block may be changed with a later group only.
//
// Messages of one subject are found by the way that costs least: the index of a `keyed` stream;
// the chain that leads from a subject's last message back (block.ts), when that is short; or a
// search through the outlines of the blocks, whose bodies are not touched for it.

import type { Block } from './block.ts'
import type { Blocks, Outline } from './blocks.ts'
import { chainOf, lastInChain } from './chain.ts'
import { Filter } from './filter.ts'
import { everything, Matcher, OneSubject, type Picker } from './matcher.ts'
import type { StoredMessage, StreamConfig } from './shapes.ts'
import type { SubjectEntry, Subjects } from './subjects.ts'

/** What the reader needs of a stream. */
export interface Shelf {
  /** The number its blocks have. */
  readonly data: number
  readonly config: StreamConfig
  readonly firstSeq: number
  readonly lastSeq: number
  readonly readableSeq: number
  /** Messages from first to last, readable or not. */
  readonly messages: number
  readonly keyed: boolean
  /** Removed, their blocks not yet changed. */
  readonly removed: ReadonlySet<number>
  readonly interned: Subjects
  readonly blocks: Blocks
  /** The block of a message, written or not; its body may be missing. */
  shapeOf(seq: number): Block | undefined
}

/** Messages looked at for a list of deleted ones: about a tenth of a second of the loop. */
const deletedStepsMax = 1_000_000
const missesMax = 64
const matchersMax = 16
/** With more subjects than these a scan is cheaper than asking for each. */
const soughtSubjectsMax = 16
/** Blocks whose outlines are looked at before a chain is tried. */
const nearBlocks = 32
/** Blocks from the end that are searched for the last match of a filter with wildcards. */
const lastBlocksMax = 256

export class Reader {
  readonly #shelf: Shelf
  /** For a filter: nothing matches from one sequence up to another. Spares repeated scans. */
  readonly #misses = new Map<string, { readonly fromSeq: number; toSeq: number }>()
  readonly #matchers = new Map<string, Matcher>()

  constructor(shelf: Shelf) {
    this.#shelf = shelf
  }

  /** All messages went: what is known of them is worthless. */
  forget(): void {
    this.#misses.clear()
    this.#matchers.clear()
  }

  get(seq: number): StoredMessage | undefined {
    const { firstSeq, readableSeq, removed } = this.#shelf
    if (seq < firstSeq || seq > readableSeq || removed.has(seq)) return undefined
    return this.stored(seq)
  }

  /** Whatever stands in the database, on disk or not. */
  stored(seq: number): StoredMessage | undefined {
    const { blocks, config, data } = this.#shelf
    // Where a subject keeps few messages, nearly every block holds one.
    const alone = config.max_msgs_per_subject > 0 ? blocks.at(data, seq) : undefined
    const block = alone ?? blocks.holding(data, seq)
    const i = block ? block.indexOf(seq) : -1
    return block && i >= 0 && !block.isGone(i) ? this.#message(block, i) : undefined
  }

  batch(filters: readonly string[], fromSeq: number, countMax: number): StoredMessage[] {
    const filter = this.filter(filters)
    const found: StoredMessage[] = []
    const { readableSeq } = this.#shelf
    let seq = Math.max(fromSeq, this.#shelf.firstSeq)
    const matcher = filter.all ? null : this.#matcher(filter)
    while (found.length < countMax && seq <= readableSeq) {
      if (matcher) seq = this.nextSeq(filter, seq)
      const block = seq > 0 ? this.#shelf.blocks.from(this.#shelf.data, seq) : undefined
      if (!block) break
      this.#take(block, seq, matcher, countMax, found)
      seq = block.lastSeq + 1
    }
    return found
  }

  #take(
    block: Block,
    fromSeq: number,
    matcher: Matcher | null,
    countMax: number,
    found: StoredMessage[],
  ): void {
    const { readableSeq, removed } = this.#shelf
    for (let i = block.indexFrom(fromSeq); i < block.count && found.length < countMax; i++) {
      const seq = block.seq(i)
      if (seq > readableSeq) return
      if (block.isGone(i) || removed.has(seq)) continue
      if (matcher === null || matcher.matches(block.subject(i))) found.push(this.#message(block, i))
    }
  }

  filter(filters: readonly string[]): Filter {
    const { config, interned } = this.#shelf
    // A filter as wide as the stream's subjects is none, unless something else is stored as well:
    // by a transform, or before an update.
    const filter = new Filter(filters, config.subjects)
    if (!filter.all || filters.length === 0 || filters.includes('>')) return filter
    return interned.within(config.subjects ?? []) ? filter : new Filter(filters, undefined)
  }

  /** Sequence of the first message at or after `fromSeq` that matches; 0 when there is none. */
  nextSeq(filter: Filter, fromSeq: number): number {
    const { firstSeq, readableSeq } = this.#shelf
    let from = Math.max(fromSeq, firstSeq)
    if (from > readableSeq) return 0
    if (filter.all) return this.firstFrom(from)
    const miss = this.#misses.get(filter.key)
    if (miss && from >= miss.fromSeq && from <= miss.toSeq) from = miss.toSeq + 1
    const found = from > readableSeq ? 0 : this.#find(filter, from)
    this.#remember(filter.key, from, (found === 0 ? readableSeq + 1 : found) - 1, miss)
    return found
  }

  /** The first readable message at or after `fromSeq`; 0 when there is none. */
  firstFrom(fromSeq: number): number {
    return this.firstLive(fromSeq, this.#shelf.readableSeq)
  }

  /** The first stored message in a range, readable or not; 0 when there is none. */
  firstLive(fromSeq: number, uptoSeq: number): number {
    const { blocks, data, removed } = this.#shelf
    for (let seq = fromSeq; seq <= uptoSeq; ) {
      const block = blocks.from(data, seq)
      if (!block) return 0
      for (let i = block.indexFrom(seq); i < block.count; i++) {
        const at = block.seq(i)
        if (at > uptoSeq) return 0
        if (!block.isGone(i) && !removed.has(at)) return at
      }
      seq = block.lastSeq + 1
    }
    return 0
  }

  /**
   * Sequences of stored messages that match, readable or not, ascending, out of so many blocks that
   * hold any; `nextSeq`: what was not looked at any more.
   */
  seqs(
    filter: Filter,
    fromSeq: number,
    uptoSeq: number,
    max: { readonly messages: number; readonly blocks: number },
  ): { found: number[]; nextSeq: number } {
    const found: number[] = []
    const matcher = filter.all ? null : this.#matcher(filter)
    const { removed, blocks, data, firstSeq } = this.#shelf
    const from = Math.max(fromSeq, firstSeq)
    let left = max.blocks
    let nextSeq = uptoSeq + 1
    this.#eachOutline(from, uptoSeq, outline => {
      if (matcher && !matcher.any(outline.subjects)) return true
      const block = blocks.holding(data, outline.firstSeq)
      if (!block) return true
      nextSeq = Math.max(from, outline.firstSeq)
      for (let i = block.indexFrom(from); i < block.count; i++) {
        const seq = block.seq(i)
        if (seq > uptoSeq) break
        if (left === 0 || found.length >= max.messages) return false
        nextSeq = seq + 1
        if (block.isGone(i) || removed.has(seq)) continue
        if (matcher === null || matcher.matches(block.subject(i))) found.push(seq)
      }
      left--
      nextSeq = uptoSeq + 1
      return true
    })
    return { found, nextSeq }
  }

  /** The same from `uptoSeq` down, the newest first. */
  seqsBack(filter: Filter, uptoSeq: number, countMax: number): number[] {
    const found: number[] = []
    const matcher = filter.all ? null : this.#matcher(filter)
    for (let upto = uptoSeq; found.length < countMax; ) {
      const seq = this.#scanBack(matcher ?? everything, upto, Infinity)
      if (seq === 0) break
      found.push(seq)
      upto = seq - 1
    }
    return found
  }

  /** Up to `countMax` sequences that are gone; `goneCount`: how many there are in all. */
  deleted(goneCount: number, countMax: number): number[] {
    const { firstSeq, readableSeq } = this.#shelf
    const gone: number[] = []
    const wanted = Math.min(goneCount, countMax)
    let steps = 0
    for (let from = firstSeq; gone.length < wanted && from <= readableSeq; from++) {
      if (++steps > deletedStepsMax) break
      const at = this.firstFrom(from) || readableSeq + 1
      for (; from < at && gone.length < wanted; from++) gone.push(from)
    }
    return gone
  }

  /** The last message on the subject at or before `uptoSeq`; 0 when there is none. */
  lastOf(subject: SubjectEntry, uptoSeq: number): number {
    const { blocks, data, firstSeq, keyed, removed } = this.#shelf
    if (subject.last > 0 && subject.last <= uptoSeq) return subject.last
    if (keyed) {
      for (let upto = uptoSeq; upto >= firstSeq; upto--) {
        upto = blocks.keyedBefore(data, subject.id, upto, firstSeq)
        if (upto === 0 || !removed.has(upto)) return upto
      }
      return 0
    }
    const found = lastInChain(this.#shelf, subject, uptoSeq)
    return found >= 0 ? found : this.#scanBack(new OneSubject(subject.id), uptoSeq, Infinity)
  }

  /** The first stored message on the subject at or after `fromSeq`; 0 when there is none. */
  firstOf(subject: SubjectEntry, fromSeq: number, uptoSeq: number): number {
    const { blocks, data, firstSeq, keyed, removed } = this.#shelf
    const start = Math.max(fromSeq, firstSeq)
    if (keyed) {
      for (let from = start; from <= uptoSeq; from++) {
        from = blocks.keyedFrom(data, subject.id, from, uptoSeq)
        if (from === 0 || !removed.has(from)) return from
      }
      return 0
    }
    const isOwn = new OneSubject(subject.id)
    const near = this.#scan(isOwn, start, uptoSeq, nearBlocks)
    if (near.seq > 0 || near.nextSeq > uptoSeq) return near.seq
    const chain = chainOf(this.#shelf, subject, near.nextSeq, uptoSeq)
    if (chain) return chain.firstSeq
    return this.#scan(isOwn, near.nextSeq, uptoSeq, Infinity).seq
  }

  lastPerSubject(filter: Filter, uptoSeq: number): number[] {
    const upto = Math.min(uptoSeq, this.#shelf.readableSeq)
    return this.#shelf.interned
      .matching(filter)
      .map(subject => this.lastOf(subject, upto))
      .filter(seq => seq > 0)
      .sort((a, b) => a - b)
  }

  last(filter: Filter): StoredMessage | undefined {
    const { readableSeq } = this.#shelf
    if (!filter.literals || filter.all) {
      const matcher = filter.all ? null : this.#matcher(filter)
      const seq = this.#scanBack(matcher ?? everything, readableSeq, lastBlocksMax)
      if (seq > 0) return this.get(seq)
    }
    const seqs = this.lastPerSubject(filter, readableSeq)
    const seq = seqs[seqs.length - 1]
    return seq === undefined ? undefined : this.get(seq)
  }

  /** How many readable messages at or after `fromSeq` match; without reading them if it can. */
  count(filter: Filter, fromSeq: number): number {
    const { firstSeq, interned, lastSeq, messages, readableSeq } = this.#shelf
    if (readableSeq !== lastSeq || messages === 0) return this.#counted(filter, fromSeq)
    if (filter.all) {
      if (fromSeq <= firstSeq) return messages
      if (lastSeq + 1 - firstSeq === messages) return Math.max(0, lastSeq + 1 - fromSeq)
    } else if (fromSeq <= firstSeq) {
      return interned.matching(filter).reduce((sum, entry) => sum + entry.count, 0)
    }
    return this.#counted(filter, fromSeq)
  }

  #counted(filter: Filter, fromSeq: number): number {
    const { firstSeq, interned, keyed, readableSeq } = this.#shelf
    const from = Math.max(fromSeq, firstSeq)
    if (from > readableSeq) return 0
    if (filter.literals && !filter.all && !keyed) {
      const entries = interned.matching(filter)
      let count = 0
      for (const entry of entries.length <= soughtSubjectsMax ? entries : []) {
        const chain = chainOf(this.#shelf, entry, from, readableSeq)
        if (!chain) return this.#countScanned(filter, from)
        count += chain.count
      }
      if (entries.length <= soughtSubjectsMax) return count
    }
    return this.#countScanned(filter, from)
  }

  #countScanned(filter: Filter, from: number): number {
    const { removed, readableSeq } = this.#shelf
    const matcher = filter.all ? null : this.#matcher(filter)
    if (matcher) matcher.prepare()
    let count = 0
    this.#eachOutline(from, readableSeq, outline => {
      const { subjects } = outline
      const isWhole =
        outline.live === subjects.length &&
        outline.firstSeq >= from &&
        outline.lastSeq <= readableSeq &&
        removed.size === 0
      if (!isWhole) count += this.#countIn(outline, from, matcher)
      else if (matcher === null) count += subjects.length
      else count += matcher.count(subjects)
      return true
    })
    return count
  }

  #countIn({ firstSeq }: Outline, from: number, matcher: Matcher | null): number {
    const { blocks, data, readableSeq, removed } = this.#shelf
    const block = blocks.holding(data, firstSeq)
    let count = 0
    if (!block) return 0
    for (let i = block.indexFrom(from); i < block.count; i++) {
      const seq = block.seq(i)
      if (seq > readableSeq) break
      if (block.isGone(i) || removed.has(seq)) continue
      if (matcher === null || matcher.matches(block.subject(i))) count++
    }
    return count
  }

  /** First sequence whose time is not before `timeUs`; when none, one after the readable. */
  seqAt(timeUs: number): number {
    const { blocks, data, firstSeq, readableSeq } = this.#shelf
    let low = firstSeq
    let high = readableSeq
    let last = 0
    while (low <= high) {
      const middle = Math.floor((low + high) / 2)
      const start = blocks.startBefore(data, middle)
      if (!start || start.timeUs < timeUs) {
        if (start) last = start.seq
        low = middle + 1
      } else high = start.seq - 1
    }
    const block = last > 0 ? blocks.holding(data, last) : undefined
    if (!block) return this.firstFrom(firstSeq) || readableSeq + 1
    let i = block.indexFrom(firstSeq)
    while (i < block.count && block.time(i) < timeUs) i++
    const from = i < block.count ? block.seq(i) : block.lastSeq + 1
    return this.firstFrom(from) || readableSeq + 1
  }

  timeOf(seq: number): number {
    const block = this.#shelf.shapeOf(seq)
    const i = block ? block.indexOf(seq) : -1
    return block && i >= 0 ? block.time(i) : 0
  }

  #find(filter: Filter, from: number): number {
    const { keyed, readableSeq, interned } = this.#shelf
    if (filter.literals) {
      const entries = interned.matching(filter)
      if (entries.every(entry => entry.last > 0 && entry.last < from)) return 0
      if (entries.length === 1 || (keyed && entries.length <= soughtSubjectsMax)) {
        let best = 0
        for (const entry of entries) {
          const seq = this.firstOf(entry, from, best > 0 ? best : readableSeq)
          if (seq > 0) best = seq
        }
        return best
      }
    }
    const matcher = this.#matcher(filter)
    return this.#scan(matcher, from, readableSeq, Infinity).seq
  }

  /** The first match in the next blocks; `nextSeq`: what was not looked at any more. */
  #scan(
    picker: Picker,
    fromSeq: number,
    uptoSeq: number,
    blocksMax: number,
  ): { seq: number; nextSeq: number } {
    let left = blocksMax
    const found = { seq: 0, nextSeq: fromSeq }
    const isDone = this.#eachOutline(fromSeq, uptoSeq, outline => {
      if (left-- <= 0) return false
      const seq = this.#matchIn(outline, picker, fromSeq, uptoSeq)
      found.nextSeq = outline.lastSeq + 1
      if (seq === 0) return true
      found.seq = seq
      return false
    })
    if (isDone) found.nextSeq = uptoSeq + 1
    return found
  }

  #matchIn(
    { firstSeq, subjects }: Outline,
    picker: Picker,
    fromSeq: number,
    uptoSeq: number,
  ): number {
    if (!picker.any(subjects)) return 0
    const { blocks, data, removed } = this.#shelf
    const block = blocks.holding(data, firstSeq)
    if (!block) return 0
    for (let i = block.indexFrom(fromSeq); i < block.count; i++) {
      const seq = block.seq(i)
      if (seq > uptoSeq) return 0
      if (picker.matches(block.subject(i)) && !block.isGone(i) && !removed.has(seq)) return seq
    }
    return 0
  }

  /** The last match at or before `uptoSeq`; 0 when none was met. */
  #scanBack(picker: Picker, uptoSeq: number, blocksMax: number): number {
    const { blocks, data, firstSeq, removed } = this.#shelf
    let upto = uptoSeq
    let left = blocksMax
    while (upto >= firstSeq && left > 0) {
      const outlines = blocks.outlinesBack(data, upto, firstSeq)
      if (outlines.length === 0) return 0
      for (const outline of outlines) {
        left--
        upto = outline.firstSeq - 1
        if (!picker.any(outline.subjects)) continue
        const block = blocks.holding(data, outline.firstSeq)
        for (let i = block ? block.count - 1 : -1; block && i >= 0; i--) {
          const seq = block.seq(i)
          if (seq > uptoSeq || seq < firstSeq || block.isGone(i) || removed.has(seq)) continue
          if (picker.matches(block.subject(i))) return seq
        }
      }
    }
    return 0
  }

  /** False when `visit` ended it. */
  #eachOutline(fromSeq: number, uptoSeq: number, visit: (outline: Outline) => boolean): boolean {
    const { blocks, data } = this.#shelf
    for (let from = fromSeq; from <= uptoSeq; ) {
      const outlines = blocks.outlines(data, from, uptoSeq)
      for (const outline of outlines) if (!visit(outline)) return false
      const last = outlines.at(-1)
      if (!last) return true
      from = last.lastSeq + 1
    }
    return true
  }

  #matcher(filter: Filter): Matcher {
    let matcher = this.#matchers.get(filter.key)
    if (!matcher) {
      if (this.#matchers.size >= matchersMax) this.#matchers.clear()
      matcher = new Matcher(filter, this.#shelf.interned)
      this.#matchers.set(filter.key, matcher)
    }
    return matcher
  }

  #remember(
    key: string,
    fromSeq: number,
    toSeq: number,
    miss: { readonly fromSeq: number; toSeq: number } | undefined,
  ): void {
    if (miss && fromSeq >= miss.fromSeq && fromSeq <= miss.toSeq + 1) {
      miss.toSeq = Math.max(miss.toSeq, toSeq)
      return
    }
    if (toSeq < fromSeq) return
    if (this.#misses.size >= missesMax) this.#misses.clear()
    this.#misses.set(key, { fromSeq, toSeq })
  }

  #message(block: Block, i: number): StoredMessage {
    return block.message(i, this.#shelf.interned.byId(block.subject(i))?.name ?? '')
  }
}
