// Creating and updating consumers: do subject and request agree, and what does an existing
// consumer keep (reference 6.2)? The order of the checks is nats-server 2.15's.

import { headerOf } from '../../../src/system/encoding.ts'
import { readRequest } from '../api/read.ts'
import { answerHeaders, type ApiAnswer, type ApiRequest, isApiError } from '../api/request.ts'
import { type Fields, FieldReader } from '../api/text.ts'
import { invalidJson, replicasNotSupported, streamMismatch } from '../errors.ts'
import { identityHeaders, identityOf } from '../identity.ts'
import type { ApiError, Stream } from '../shapes.ts'
import { type ConsumerConfig, readConfig, withFields } from './config.ts'
import { checkConfig } from './config-check.ts'
import { withDefaults } from './config-defaults.ts'
import { isSameConfig, withLevel } from './config-level.ts'
import type { Consumer } from './consumer.ts'
import * as errors from './errors.ts'
import type { ConsumerGroup } from './group.ts'
import type { ConsumerDirectory } from './handlers.ts'
import { infoFields } from './info.ts'
import { randomName } from './name.ts'
import { consumerCreateRequest } from './shape.ts'

/** How the subject names the consumer. */
export type Form = 'ephemeral' | 'named' | 'durable'

interface Wish {
  readonly config: ConsumerConfig
  readonly action: '' | 'create' | 'update'
  readonly isPedantic: boolean
}

export class Creation {
  readonly #directory: ConsumerDirectory
  readonly #request: ApiRequest
  readonly #form: Form

  constructor(directory: ConsumerDirectory, request: ApiRequest, form: Form) {
    this.#directory = directory
    this.#request = request
    this.#form = form
  }

  run(): ApiAnswer {
    const { names } = this.#request
    const fields = readRequest(this.#request, consumerCreateRequest)
    if (isApiError(fields)) return fields
    const from = new FieldReader(fields)
    const streamName = from.text('stream_name')
    const action = from.word('action', ['', 'create', 'update'] as const, '')
    const isPedantic = from.flag('pedantic')
    const config = readConfig(from.fields('config') ?? {})
    if (from.wrong || config === null) return invalidJson('consumer config')
    if (names[0] !== streamName) return streamMismatch
    return this.#checkNames(config) ?? this.#place({ config, action, isPedantic })
  }

  /** Do subject and config agree? */
  #checkNames(config: ConsumerConfig): ApiError | null {
    const [, inSubject = '', filter = ''] = this.#request.names
    const durable = config.durable_name ?? ''
    const name = this.#form === 'ephemeral' ? (config.name ?? '') : inSubject
    if (/[\\/]/.test(name)) return errors.namePathSeparators
    if (this.#form === 'durable') {
      if (durable === '') return errors.durableNotSet
      if (durable !== inSubject) return errors.durableNotMatchingSubject
    }
    if (this.#form === 'named' && durable !== '' && durable !== inSubject) {
      return errors.durableNotMatchingSubject
    }
    if (this.#form === 'ephemeral' && durable !== '') return errors.ephemeralWithDurable
    if (filter !== '') {
      if (config.filter_subjects) return errors.filtersNotInSubject
      if ((config.filter_subject ?? '') !== filter) return errors.filterNotMatchingSubject
    }
    return config.num_replicas > 1 ? replicasNotSupported : null
  }

  #place(wish: Wish): ApiAnswer {
    const { jetstream, names } = this.#request
    const stream = jetstream.stream(names[0] ?? '')
    const group = stream && this.#directory.group(stream)
    if (!stream || !group) return jetstream.missing(names[0] ?? '')
    const bounds = jetstream.consumerBounds()
    if ('err_code' in bounds) return bounds
    const named =
      this.#form === 'ephemeral' ? wish.config : withFields(wish.config, { name: names[1] ?? '' })
    const feed = asFeed(named, stream)
    const identity = feed.direct || feed.sourcing ? identityOf(stream) : ''
    if (isMistaken(this.#request.headers, identity)) return errors.identityMismatch(identity)
    const name = feed.durable_name ?? feed.name ?? ''
    const existing = name === '' ? undefined : group.consumers.get(name)
    const asked = existing ? keeping(feed, existing.config) : feed
    const config = withDefaults(withLevel(asked), stream.config, bounds, wish.isPedantic)
    if ('err_code' in config) return config
    const wrong = checkConfig(config, stream.config, bounds)
    if (wrong) return wrong
    if (existing) {
      return this.#update(group, existing, config, wish.action) ?? this.#info(existing, identity)
    }
    if (wish.action === 'update') return errors.doesNotExist
    const made = group.create(name, config, bounds.consumersMax)
    return 'err_code' in made ? made : this.#info(made, identity)
  }

  #update(
    group: ConsumerGroup,
    existing: Consumer,
    config: ConsumerConfig,
    action: Wish['action'],
  ): ApiError | null {
    const isSame = isSameConfig(existing.config, config)
    if (action === 'create' && !isSame) return errors.alreadyExists
    const refused = group.update(existing, config)
    if (refused === null && existing.isPaused) existing.advisePause()
    return refused
  }

  /** Sources and mirrors are told which stream it is. */
  #info(consumer: Consumer, identity: string): Fields {
    const fields = infoFields(consumer, this.#directory.nowUs())
    return identity === '' ? fields : { ...fields, [answerHeaders]: identityHeaders(identity) }
  }
}

/** A source that knew another stream of this name. */
function isMistaken(headers: Buffer, identity: string): boolean {
  if (identity === '' || headers.length === 0) return false
  const known = headerOf(headers, 'nats-stream-identity')
  return known !== '' && known !== identity
}

/**
 * A source or mirror of 2.14+ asks under one name again and again. On a stream that keeps its
 * messages each attempt gets a name and a consumer of its own; on a work-queue or interest stream
 * it becomes one durable consumer whose messages stay until the other end has stored them
 * (ADR-60).
 */
function asFeed(config: ConsumerConfig, stream: Stream): ConsumerConfig {
  if (!config.direct || !config.sourcing || !config.name) return config
  if (stream.config.retention === 'limits') {
    return withFields(config, { name: `${config.name}-${randomName(8)}` })
  }
  return withFields(config, {
    direct: false,
    durable_name: config.name,
    ack_policy: 'flow_control',
    ack_wait: 0,
    max_deliver: 0,
    inactive_threshold: 0,
  })
}

/** What a request for a consumer that is there already does not change. */
function keeping(config: ConsumerConfig, old: ConsumerConfig): ConsumerConfig {
  const kept = withFields(config, { pause_until: old.pause_until })
  if (!config.sourcing || !config.durable_name) return kept
  return withFields(kept, {
    deliver_policy: old.deliver_policy,
    opt_start_seq: old.opt_start_seq,
    opt_start_time: old.opt_start_time,
  })
}
