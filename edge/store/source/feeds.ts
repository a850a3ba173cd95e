// The mirrors and sources of one account's streams: a feed for each, in step with the config, and
// what StreamInfo says about them.

import type { Account } from '../../../src/account/account.ts'
import type { Clock } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import type { Fields } from '../api/text.ts'
import type { Intake } from '../intake.ts'
import type { Durable, Stream, StreamSourceConfig } from '../shapes.ts'
import { indexName } from './config.ts'
import { Feed, type FeedTarget } from './feed.ts'
import { LeftOut } from './left-out.ts'
import { Mirror } from './mirror.ts'
import type { Positions } from './positions.ts'
import { type Asker, consumerName, type FeedKind } from './request.ts'
import { Source } from './source.ts'

export interface FeedsParts {
  readonly account: Account
  /** '' when none is configured. */
  readonly domain: string
  readonly durable: Durable
  readonly clock: Clock
  readonly log: Log
  readonly positions: (stream: Stream) => Positions
  /** A mirror has nearly everything its origin has; may come often. */
  readonly onNear: (mirror: Stream) => void
}

interface Fed {
  readonly intake: Intake
  readonly positions: Positions
  mirror: Feed | null
  readonly sources: Map<string, Feed>
}

export class Feeds {
  readonly #parts: FeedsParts
  readonly #fed = new Map<Stream, Fed>()

  constructor(parts: FeedsParts) {
    this.#parts = parts
  }

  attach(stream: Stream, intake: Intake): void {
    const { mirror, sources } = stream.config
    if (!mirror && !sources) return
    this.#feed(stream, intake)
  }

  /** Brings the feeds in line with the config. */
  updated(stream: Stream, intake: Intake): void {
    if (this.#fed.has(stream) || stream.config.sources) this.#feed(stream, intake)
  }

  detach(stream: Stream): void {
    const fed = this.#fed.get(stream)
    this.#fed.delete(stream)
    if (!fed) return
    fed.positions.close()
    fed.mirror?.close()
    for (const feed of fed.sources.values()) feed.close()
  }

  /** The stream is deleted: once that is on disk, its origins keep nothing for it. */
  abandon(stream: Stream): void {
    const fed = this.#fed.get(stream)
    if (!fed) return
    const { mirror, sources } = fed
    this.detach(stream)
    this.#forsake(mirror ? [mirror, ...sources.values()] : [...sources.values()])
  }

  #forsake(feeds: readonly Feed[]): void {
    if (feeds.length === 0) return
    for (const feed of feeds) feed.close()
    this.#parts.durable.onDisk(error => {
      if (!error) for (const feed of feeds) feed.forsake()
    })
  }

  /** `mirror` and `sources` of StreamInfo. */
  info(stream: Stream): Fields {
    const fed = this.#fed.get(stream)
    if (!fed) return {}
    const sources = [...fed.sources.values()].map(infoOf)
    return {
      ...(fed.mirror && { mirror: infoOf(fed.mirror) }),
      ...(sources.length > 0 && { sources }),
    }
  }

  #feed(stream: Stream, intake: Intake): void {
    const { mirror, sources = [] } = stream.config
    const fed = this.#fed.get(stream) ?? this.#made(stream, intake)
    const gone: Feed[] = []
    if (mirror && !fed.mirror) {
      const leftOut = this.#leftOut(stream, 'M', mirror)
      const target = new Mirror({ stream, source: mirror, intake, leftOut }, () => {
        this.#parts.onNear(stream)
      })
      fed.mirror = this.#started(stream, 'M', mirror, target)
    } else if (!mirror && fed.mirror) {
      // Promoted: a stream like any other from here on.
      gone.push(fed.mirror)
      fed.mirror = null
    }
    const wanted = new Map(sources.map(source => [indexName(source), source]))
    for (const [name, feed] of fed.sources) {
      if (wanted.has(name)) continue
      gone.push(feed)
      fed.sources.delete(name)
    }
    this.#forsake(gone)
    for (const name of [...fed.positions.names]) {
      if (!wanted.has(name)) fed.positions.forget(name)
    }
    for (const [name, source] of wanted) {
      const known = fed.sources.get(name)
      if (known) {
        known.rename(consumerName('S', this.#asker(stream), source, sources))
        continue
      }
      const leftOut = this.#leftOut(stream, 'S', source)
      const target = new Source({ stream, source, intake, leftOut }, fed.positions)
      fed.sources.set(name, this.#started(stream, 'S', source, target))
    }
  }

  #leftOut(stream: Stream, kind: FeedKind, source: StreamSourceConfig): LeftOut {
    const { log, clock } = this.#parts
    return new LeftOut(log, clock, this.#label(stream, kind, source))
  }

  /** For the log. */
  #label(stream: Stream, kind: FeedKind, source: StreamSourceConfig): string {
    const what = kind === 'M' ? 'mirror of' : 'source'
    return `stream '${stream.account} > ${stream.config.name}' ${what} '${source.name}'`
  }

  #asker(stream: Stream): Asker {
    const { account, domain } = this.#parts
    return { account: account.name, domain, stream: stream.config.name }
  }

  #made(stream: Stream, intake: Intake): Fed {
    const positions = this.#parts.positions(stream)
    positions.load()
    const fed: Fed = { intake, positions, mirror: null, sources: new Map() }
    this.#fed.set(stream, fed)
    return fed
  }

  #started(stream: Stream, kind: FeedKind, source: StreamSourceConfig, target: FeedTarget): Feed {
    const { account, durable, clock, log } = this.#parts
    const label = this.#label(stream, kind, source)
    const asker = this.#asker(stream)
    const consumer = consumerName(kind, asker, source, stream.config.sources ?? [])
    const common = { account, durable, clock, log }
    const feed = new Feed({ ...common, kind, source, asker, consumer, label, target })
    feed.start()
    return feed
  }
}

const nsPerMs = 1e6

function infoOf(feed: Feed): Fields {
  const { source, lag, error } = feed
  const { external, filter_subject, subject_transforms } = source
  const activeMs = feed.activeMs()
  return {
    name: source.name,
    ...(external && { external }),
    lag,
    ...(feed.seq > 0 && { seq: feed.seq }),
    active: activeMs < 0 ? -1 : Math.round(activeMs * nsPerMs),
    ...(error && { error }),
    ...(filter_subject && { filter_subject }),
    ...(subject_transforms && { subject_transforms }),
  }
}
