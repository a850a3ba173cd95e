// The consumer verbs of the JetStream API: rows for the dispatch table (reference 6.2).

import { isEmptyRequest, readLoosely, readOptional } from '../api/read.ts'
import { type ApiAnswer, type ApiRequest, type ApiRow, isApiError } from '../api/request.ts'
import { type Fields, FieldReader, timeOf, timeText } from '../api/text.ts'
import { clusterRequired, invalidJson, notEmptyRequest } from '../errors.ts'
import type { ApiError, Stream } from '../shapes.ts'
import { withFields } from './config.ts'
import { withLevel } from './config-level.ts'
import type { Consumer } from './consumer.ts'
import { Creation, type Form } from './creation.ts'
import * as errors from './errors.ts'
import type { ConsumerGroup } from './group.ts'
import { infoFields, storedFields } from './info.ts'
import { groupNameRule } from './priority.ts'
import { PullOutlet } from './pull.ts'
import { consumerPageRequest, consumerPauseRequest, consumerUnpinRequest } from './shape.ts'

const namesLimit = 1024
const listLimit = 256

/** What the handlers need of the room. */
export interface ConsumerDirectory {
  group(stream: Stream): ConsumerGroup | undefined
  nowUs(): number
}

export function consumerRows(directory: ConsumerDirectory): readonly ApiRow[] {
  const created = 'consumer_create_response'
  const create = (form: Form) => (request: ApiRequest) =>
    new Creation(directory, request, form).run()
  const emptyPage = { total: 0, offset: 0, limit: 0, consumers: [] }
  return [
    { subject: 'CONSUMER.CREATE.*', type: created, writes: true, handle: create('ephemeral') },
    { subject: 'CONSUMER.CREATE.*.*', type: created, writes: true, handle: create('named') },
    { subject: 'CONSUMER.CREATE.*.*.>', type: created, writes: true, handle: create('named') },
    {
      subject: 'CONSUMER.DURABLE.CREATE.*.*',
      type: created,
      writes: true,
      handle: create('durable'),
    },
    {
      subject: 'CONSUMER.NAMES.*',
      type: 'consumer_names_response',
      quiet: true,
      onError: emptyPage,
      handle: request => names(directory, request),
    },
    {
      subject: 'CONSUMER.LIST.*',
      type: 'consumer_list_response',
      quiet: true,
      onError: emptyPage,
      handle: request => list(directory, request),
    },
    {
      subject: 'CONSUMER.INFO.*.*',
      type: 'consumer_info_response',
      quiet: true,
      handle: request => info(directory, request),
    },
    {
      subject: 'CONSUMER.DELETE.*.*',
      type: 'consumer_delete_response',
      writes: true,
      handle: request => remove(directory, request),
    },
    {
      subject: 'CONSUMER.PAUSE.*.*',
      type: 'consumer_pause_response',
      writes: true,
      onError: notPaused,
      handle: request => pause(directory, request),
    },
    {
      subject: 'CONSUMER.UNPIN.*.*',
      type: 'consumer_unpin_response',
      handle: request => unpin(directory, request),
    },
    {
      subject: 'CONSUMER.LEADER.STEPDOWN.*.*',
      type: 'consumer_leader_stepdown_response',
      handle: () => clusterRequired,
    },
  ]
}

// ---- asking and deleting

function names(directory: ConsumerDirectory, request: ApiRequest): ApiAnswer {
  const page = pageOf(directory, request, namesLimit)
  if ('err_code' in page) return page
  return { ...page.head, consumers: page.consumers.map(consumer => consumer.name) }
}

function list(directory: ConsumerDirectory, request: ApiRequest): ApiAnswer {
  const page = pageOf(directory, request, listLimit)
  if ('err_code' in page) return page
  const nowUs = directory.nowUs()
  return { ...page.head, consumers: page.consumers.map(consumer => storedFields(consumer, nowUs)) }
}

interface Page {
  readonly head: Fields
  readonly consumers: readonly Consumer[]
}

/** A page of a stream's consumers, by name. */
function pageOf(directory: ConsumerDirectory, request: ApiRequest, limit: number): Page | ApiError {
  const { jetstream, names } = request
  const fields = readOptional(request, consumerPageRequest)
  if (isApiError(fields)) return fields
  const asked = new FieldReader(fields).integer('offset')
  const stream = jetstream.stream(names[0] ?? '')
  const group = stream && directory.group(stream)
  if (!group) return jetstream.missing(names[0] ?? '')
  const all = byName(group.visible)
  const offset = Math.max(0, Math.min(asked, all.length))
  return {
    head: { total: all.length, offset, limit },
    consumers: all.slice(offset, offset + limit),
  }
}

export function byName(consumers: readonly Consumer[]): Consumer[] {
  return consumers.slice().sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function info(directory: ConsumerDirectory, request: ApiRequest): ApiAnswer {
  const refused = refuseBody(request.body)
  if (refused) return refused
  const found = find(directory, request)
  return 'err_code' in found ? found : infoFields(found.consumer, directory.nowUs())
}

function remove(directory: ConsumerDirectory, request: ApiRequest): ApiAnswer {
  const refused = refuseBody(request.body)
  if (refused) return refused
  const found = find(directory, request)
  if ('err_code' in found) return found
  found.group.remove(found.consumer)
  return { success: true }
}

// ---- pausing, and taking pins away

const notPaused = { paused: false, pause_until: timeText(0) }

/** Until when, or no body: it goes on. */
function pause(directory: ConsumerDirectory, request: ApiRequest): ApiAnswer {
  const fields = readOptional(request, consumerPauseRequest)
  if (isApiError(fields)) return fields
  const text = new FieldReader(fields).text('pause_until')
  const askedUs = timeOf(text) ?? 0
  const found = find(directory, request)
  if ('err_code' in found) return found
  const untilUs = Math.max(0, askedUs)
  const pause_until = untilUs === 0 ? undefined : timeText(untilUs)
  const { consumer, group } = found
  group.change(consumer, withLevel(withFields(consumer.config, { pause_until })))
  const leftUs = untilUs - group.nowUs()
  return {
    paused: leftUs > 0,
    pause_until: timeText(untilUs),
    ...(leftUs > 0 && { pause_remaining: leftUs * 1000 }),
  }
}

/** The client that is pinned loses its pin; the next one to ask gets another. */
function unpin(directory: ConsumerDirectory, request: ApiRequest): ApiAnswer {
  const fields = readLoosely(request.body, consumerUnpinRequest)
  if (isApiError(fields)) return fields
  const name = new FieldReader(fields).text('group')
  if (name === '') return invalidJson('consumer group not specified')
  if (!groupNameRule.test(name)) return errors.groupInvalid
  const found = find(directory, request)
  if ('err_code' in found) return found
  const { config, outlet } = found.consumer
  if (!config.priority_groups?.includes(name)) return errors.groupUnknown
  if (outlet instanceof PullOutlet) outlet.pin.unpin(name, 'admin')
  return {}
}

function refuseBody(body: Buffer): ApiError | null {
  return isEmptyRequest(body) ? null : notEmptyRequest
}

interface Found {
  readonly group: ConsumerGroup
  readonly consumer: Consumer
}

function find(directory: ConsumerDirectory, { jetstream, names }: ApiRequest): Found | ApiError {
  const stream = jetstream.stream(names[0] ?? '')
  const group = stream && directory.group(stream)
  if (!group) return jetstream.missing(names[0] ?? '')
  const consumer = group.consumers.get(names[1] ?? '')
  return consumer ? { group, consumer } : errors.consumerNotFound
}
