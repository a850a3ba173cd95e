// MQTT topics and NATS subjects, mapped both ways exactly as nats-server 2.10 does (reference 7.1):
//
//   a/b  <-> a.b       levels are tokens
//   /a   <-> /.a       an empty level cannot be an empty token: the separator stays as `/`
//   a/   <-> a./
//   a//b <-> a./.b
//   a.b  <-> a//b      a point inside a level
//   +, # <-> *, >      in filters only
//
// What a subject cannot hold (blank, tab, CR, LF, FF, DEL) has no mapping.

import { isUtf8 } from 'node:buffer'
import { hasWildcard, isShallow } from '../../src/subject/subject.ts'

const forbidden = /[ \t\r\n\f\0\x7f]/

/** The subject of a topic name; null when it holds what a subject cannot, or too many levels. */
export function subjectOfTopic(topic: string): string | null {
  if (topic === '' || forbidden.test(topic)) return null
  let subject = ''
  const last = topic.length - 1
  for (let i = 0; i <= last; i++) {
    const char = topic[i] as string
    if (char === '.') subject += '//'
    else if (char !== '/') subject += char
    else if (i === 0 || subject.endsWith('.')) subject += '/.'
    else if (i === last || topic[i + 1] === '/') subject += './'
    else subject += '.'
  }
  if (subject.endsWith('.')) subject += '/'
  return isShallow(subject) ? subject : null
}

/**
 * The subject pattern of a valid topic filter; null when it holds what a subject cannot, or a
 * level `*` or `>`, which would not stand for itself.
 */
export function patternOfFilter(filter: string): string | null {
  const subject = subjectOfTopic(filter)
  if (subject !== null && hasWildcard(subject)) return null
  // A valid filter has its wildcards alone in a level, so no literal character is changed.
  return subject === null ? null : subject.replaceAll('+', '*').replace('#', '>')
}

/**
 * `a/#` matches `a` too [MQTT-4.7.1-2]: the second subject to subscribe to, or null. `>` does not
 * match what stands before it, so one pattern cannot do it.
 */
export function parentOfPattern(pattern: string): string | null {
  return pattern.length > 2 && pattern.endsWith('.>') ? pattern.slice(0, -2) : null
}

/** The topic of a subject. Not every subject comes from a topic: see `isTopic`. */
export function topicOfSubject(subject: string): string {
  let topic = ''
  for (let i = 0; i < subject.length; i++) {
    const char = subject[i] as string
    if (char === '.') topic += '/'
    else if (char !== '/') topic += char
    else if (subject[i + 1] === '.') {
      topic += '/'
      i++
    } else if (subject[i + 1] === '/') {
      topic += '.'
      i++
    }
  }
  return topic
}

/** Levels of wildcards stand alone, `#` only at the end [MQTT-4.7.1-2] [MQTT-4.7.1-3]. */
export function isFilter(filter: string): boolean {
  if (filter === '') return false
  const levels = filter.split('/')
  return levels.every((level, i) => {
    if (level === '+') return true
    if (level === '#') return i === levels.length - 1
    return !level.includes('+') && !level.includes('#')
  })
}

/** May this be sent as the topic name of a PUBLISH [MQTT-4.7.3-1] [MQTT-3.3.2-2]? */
export function isTopic(topic: string): boolean {
  return topic !== '' && !topic.includes('+') && !topic.includes('#')
}

/** Does the filter start with a wildcard? Then it leaves `$` topics out [MQTT-4.7.2-1]. */
export function startsWithWildcard(filter: string): boolean {
  const first = filter.charCodeAt(0)
  return first === 0x2b || first === 0x23
}

/** Well-formed UTF-8 without NUL [MQTT-1.5.3-1] [MQTT-1.5.3-2]. */
export function isMqttText(chunk: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = chunk[i] as number
    if (byte === 0) return false
    if (byte >= 0x80) {
      const text = chunk.subarray(start, end)
      return !text.includes(0) && isUtf8(text)
    }
  }
  return true
}
