// What is said to nats-server and to us about messages with a time of their own. Each step is a
// request, or a wait until a stream holds what it is to hold; the answers are compared.

import type { NatsConnection } from '@nats-io/transport-node'
import { ask, type Say } from './jetstream-talk.ts'

export const api = '$JS.API.'
export const secondNs = 1_000_000_000

type Fields = Readonly<Record<string, unknown>>

/** A stream is made; what is answered is compared elsewhere. */
export async function make(nc: NatsConnection, name: string, config: Fields): Promise<void> {
  const answer = await ask(nc, [
    `${api}STREAM.CREATE.${name}`,
    { name, subjects: [`${name}.>`], ...config },
  ])
  if (!answer.includes('"config"')) throw new Error(`${name}: ${answer}`)
}

export async function state(nc: NatsConnection, name: string): Promise<Fields> {
  const answer = await nc.request(`${api}STREAM.INFO.${name}`, '')
  return answer.json<{ state: Fields }>().state
}

/** Until the stream holds so many messages and has come to that sequence, or time is up. */
export async function until(
  nc: NatsConnection,
  name: string,
  isDone: (messages: number, lastSeq: number) => boolean,
  msMax = 8000,
): Promise<void> {
  const endMs = Date.now() + msMax
  for (;;) {
    const { messages, last_seq } = await state(nc, name)
    if (isDone(Number(messages), Number(last_seq))) return onDisk(nc)
    if (Date.now() > endMs) throw new Error(`${name} holds ${messages} up to ${last_seq}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** What was stored so far can be read: this is answered after it. */
async function onDisk(nc: NatsConnection): Promise<void> {
  await ask(nc, [`${api}STREAM.CREATE.BARRIER`, { name: 'BARRIER', subjects: ['BARRIER'] }])
}

/** All messages: `seq subject headers|payload`, times blotted out. */
export async function contents(nc: NatsConnection, name: string): Promise<readonly string[]> {
  const { first_seq, last_seq } = await state(nc, name)
  const found: string[] = []
  for (let seq = Number(first_seq); seq <= Number(last_seq); seq++) {
    const answer = await nc.request(`${api}STREAM.MSG.GET.${name}`, JSON.stringify({ seq }))
    const { message } = answer.json<{ message?: Record<string, string> }>()
    if (!message) continue
    const decoded = (text = ''): string => Buffer.from(text, 'base64').toString()
    const headers = decoded(message.hdrs).replaceAll('\r\n', ';')
    const text = `${message.seq} ${message.subject} ${headers}|${decoded(message.data)}`
    found.push(text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'))
  }
  return found
}

/** The answer to a publish, however its JSON is written. */
export async function publish(
  nc: NatsConnection,
  subject: string,
  headers: Readonly<Record<string, string>> = {},
  body = 'x',
): Promise<string> {
  const answer = await ask(nc, [subject, body, headers] satisfies Say)
  return answer.replaceAll(', "seq"', ',"seq"')
}

const schedule = (pattern: string, more: Readonly<Record<string, string>> = {}) => ({
  'Nats-Schedule': pattern,
  'Nats-Schedule-Target': 'ALL.out',
  ...more,
})

type Refused = readonly [subject: string, headers: Readonly<Record<string, string>>]

const far = '@at 2100-01-01T00:00:00Z'

/** Published to streams NONE, TTL (TTLs only), PLAIN (schedules only) and ALL (both). */
export const publishes: readonly Refused[] = [
  ...[
    '0',
    '00',
    '5',
    '1s',
    '1500ms',
    '999ms',
    '-1',
    '-1s',
    'never',
    'Never',
    'NEVER',
    'x',
    '1.5',
    '1h1m',
    '9999999h',
    '5 s',
    '+5',
    '1µs',
    '0s',
  ].flatMap(value => ['NONE', 'TTL'].map((name): Refused => [`${name}.a`, { 'Nats-TTL': value }])),
  ['TTL.a', { 'Nats-TTL': 'x', 'Nats-Expected-Last-Sequence': '99' }],
  ['NONE.a', { 'Nats-TTL': '5', 'Nats-Expected-Last-Sequence': '99' }],
  ['NONE.a', { 'Nats-TTL': '5', 'Nats-Expected-Stream': 'X' }],
  ['NONE.a', schedule(far)],
  ['NONE.a', schedule('bogus')],
  ['NONE.a', { 'Nats-Schedule-Target': 'NONE.b', 'Nats-Schedule-TTL': 'x' }],
  ['NONE.a', { 'Nats-Schedule-Time-Zone': 'Nowhere' }],
  ['NONE.a', { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'NONE.b' }],
  ['NONE.a', { 'Nats-Scheduler': 'NONE.b' }],
  ['TTL.a', schedule(far)],
  ['PLAIN.a', { ...schedule(far), 'Nats-Schedule-Target': 'PLAIN.b' }],
  ['PLAIN.a', { ...schedule(far), 'Nats-Schedule-Target': 'PLAIN.b', 'Nats-Schedule-TTL': '5' }],
  ['PLAIN.a', { ...schedule(far), 'Nats-Schedule-Target': 'PLAIN.b', 'Nats-Schedule-TTL': 'x' }],
  ...[
    '',
    '@at',
    '@at x',
    '@at 2026-02-30T00:00:00Z',
    '@at 2100-01-01',
    '@every',
    '@every 1',
    '@every 999ms',
    '@every 1s',
    '@every 1000000h',
    '@Hourly',
    '@hourly',
    '@yearly',
    '@weekly',
    '* * * * *',
    '0 0 0 1 1 *',
    '0 0 0 1 jan *',
    '0 0 0 1 JAN mon-fri',
    '0 0 0 * * 7',
    '60 * * * * *',
    '0 0 0 30 2 *',
    '0 0 0 29 2 *',
    '*/0 * * * * *',
    '0 5/10 * * * *',
    '0 1-0 * * * *',
    '0 0 0 ? * ?',
    '0 0 0 L * *',
    '0 0 0 , * 1',
    ', 0 0 1 1 *',
    '0  0 0 1 1 *',
    '0 0 0 1 1 * *',
    '-5 0 0 1 1 *',
    '+5 0 0 1 1 *',
    '0 0 0 *-5 1 *',
    '0 0 0 1,15,31 */3 sun',
  ].map((pattern): Refused => ['ALL.a', schedule(pattern)]),
  ...['', 'UTC', 'Local', 'Europe/Berlin', 'Nowhere', '+02:00', 'utc', 'EST', '../UTC'].map(
    (zone): Refused => ['ALL.a', schedule('0 0 0 1 1 *', { 'Nats-Schedule-Time-Zone': zone })],
  ),
  ['ALL.a', schedule(far, { 'Nats-Schedule-Time-Zone': 'UTC' })],
  ['ALL.a', schedule('@every 5h', { 'Nats-Schedule-Time-Zone': 'UTC' })],
  ['ALL.a', schedule('@hourly', { 'Nats-Schedule-Time-Zone': 'Asia/Tokyo' })],
  ['ALL.a', { 'Nats-Schedule-Time-Zone': 'UTC' }],
  ...['', 'ALL.a', 'ALL.*', 'ALL.>', 'elsewhere', 'ALL..b', 'ALL.b c'].map(
    (target): Refused => ['ALL.a', { ...schedule(far), 'Nats-Schedule-Target': target }],
  ),
  ...['', 'ALL.a', 'ALL.out', 'ALL.*', 'elsewhere', 'ALL.data'].map(
    (source): Refused => ['ALL.a', schedule(far, { 'Nats-Schedule-Source': source })],
  ),
  ...['', '5', 'x', '0', 'never', '5m'].map(
    (ttl): Refused => ['ALL.a', schedule(far, { 'Nats-Schedule-TTL': ttl })],
  ),
  ...['', 'sub', 'all', 'Sub'].map(
    (rollup): Refused => ['ALL.a', schedule(far, { 'Nats-Schedule-Rollup': rollup })],
  ),
  ['ALL.a', schedule(far, { 'Nats-Rollup': 'sub' })],
  ['ALL.a', schedule(far, { 'Nats-Rollup': 'all' })],
  ['ALL.a', schedule(far, { 'Nats-Rollup': 'y' })],
  ['ALL.r', { 'Nats-Rollup': 'y' }],
  ['ALL.a', schedule(far, { 'Nats-TTL': '100' })],
  ['ALL.a', schedule('bogus', { 'Nats-Expected-Last-Sequence': '99' })],
  ['ALL.a', schedule(far, { 'Nats-Expected-Last-Msg-Id': '99' })],
  // A duplicate is told before some errors and after others.
  ...[
    {},
    {},
    { 'Nats-TTL': 'x' },
    { 'Nats-Rollup': 'all' },
    { 'Nats-Expected-Last-Msg-Id': 'y' },
    { 'Nats-Expected-Last-Sequence': '99' },
    { 'Nats-Expected-Last-Subject-Sequence': '99' },
    { 'Nats-Expected-Stream': 'y' },
    { 'Nats-Scheduler': 'y' },
    { 'Nats-Stream-Source': 'y' },
    schedule('bogus'),
  ].map((headers): Refused => ['ALL.dup', { 'Nats-Msg-Id': 'dup', ...headers }]),
  ['NONE.dup', { 'Nats-Msg-Id': 'dup' }],
  ['NONE.dup', { 'Nats-Msg-Id': 'dup', 'Nats-TTL': '5' }],
  ['NONE.dup', { 'Nats-Msg-Id': 'dup', 'Nats-Rollup': 'y' }],
  ['ALL.b', { 'Nats-Scheduler': 'ALL.a' }],
  ['ALL.b', { 'Nats-Schedule-Next': 'purge' }],
  ['ALL.b', { 'Nats-Schedule-Next': '2100-01-01T00:00:00Z', 'Nats-Scheduler': 'ALL.a' }],
  ['ALL.b', { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'ALL.b' }],
  ['ALL.b', { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'ALL.*' }],
  ['ALL.b', { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': '' }],
  ['ALL.b', {}],
  ['ALL.c', { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'ALL.b' }],
  ['ALL.c', { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'ALL.nothing' }],
  ['ALL.c', { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'ALL.a' }],
]
