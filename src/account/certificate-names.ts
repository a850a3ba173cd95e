// The names in a certificate that a user may have, read from its DER: node:crypto gives them as
// text in which a value cannot be told from what looks like the next name.

import type { X509Certificate } from 'node:crypto'
import { type DerValue, derTags, derText, derValues, oidText } from '../base/der.ts'
import {
  type Attribute,
  attributeTypes,
  type DistinguishedName,
  escapedValue,
} from './distinguished-name.ts'

export interface CertificateNames {
  /** E-mail addresses, hosts and URIs of the alternative names, in this order. */
  readonly alternatives: readonly string[]
  /** The last part of the subject first, as RFC 2253 has it; null: it has types we do not know. */
  readonly subject: DistinguishedName | null
  /** The subject as Go writes it: with the domain components behind it, and without. */
  readonly subjectTexts: readonly string[]
}

const none: CertificateNames = { alternatives: [], subject: null, subjectTexts: [] }

export function certificateNames(certificate: X509Certificate): CertificateNames {
  const fields = fieldsOf(certificate.raw)
  const relatives = fields && subjectOf(fields)
  if (fields === null || relatives === null) return none
  return {
    alternatives: alternativesOf(fields.find(({ tag }) => tag === 0xa3)),
    subject: knownName(relatives),
    subjectTexts: textsOf(relatives.flat()),
  }
}

/** The subject as monitoring shows it: as Go writes names, types it has no word for at the end. */
export function subjectText({ raw }: X509Certificate): string {
  const fields = fieldsOf(raw)
  const attributes = (fields && subjectOf(fields))?.flat() ?? []
  const others = attributes.flatMap(({ oid, value }) => {
    if (written.includes(attributeTypes.get(oid) ?? '') || value === null) return []
    return [`${oid}=#${derOfText(value).toString('hex')}`]
  })
  return [...writtenParts(attributes), ...others.reverse()].join(',')
}

/** A text as Go encodes it again. */
function derOfText(text: string): Buffer {
  const content = Buffer.from(text)
  const isPrintable = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)
  const { length } = content
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  const head = [isPrintable ? 0x13 : 0x0c, ...(length < 128 ? [length] : long)]
  return Buffer.concat([Buffer.from(head), content])
}

/** [version], serial, algorithm, issuer, validity, subject, key, [ids], [extensions] */
function subjectOf(fields: readonly DerValue[]): readonly (readonly RawAttribute[])[] | null {
  const start = fields[0]?.tag === 0xa0 ? 1 : 0
  const subject = fields[start + 4]
  return subject?.tag === derTags.sequence ? relativesOf(subject.content) : null
}

function fieldsOf(raw: Buffer): readonly DerValue[] | null {
  const [certificate] = derValues(raw) ?? []
  const [signed] = (certificate && derValues(certificate.content)) ?? []
  return signed ? derValues(signed.content) : null
}

/** An attribute with its type as OID; a value that is no text is null. */
interface RawAttribute {
  readonly oid: string
  readonly value: string | null
}

function relativesOf(bytes: Buffer): readonly (readonly RawAttribute[])[] | null {
  const sets = derValues(bytes)
  if (sets === null) return null
  const relatives: RawAttribute[][] = []
  for (const { content } of sets) {
    const attributes: RawAttribute[] = []
    for (const pair of derValues(content) ?? []) {
      const [type, value] = derValues(pair.content) ?? []
      if (type?.tag !== derTags.oid || !value) return null
      attributes.push({ oid: oidText(type.content), value: derText(value) })
    }
    if (attributes.length > 0) relatives.push(attributes)
  }
  return relatives
}

function knownName(relatives: readonly (readonly RawAttribute[])[]): DistinguishedName | null {
  const name: Attribute[][] = []
  for (const relative of relatives) {
    const attributes: Attribute[] = []
    for (const { oid, value } of relative) {
      const type = attributeTypes.get(oid)
      if (type === undefined || value === null) return null
      attributes.unshift({ type, value })
    }
    name.unshift(attributes)
  }
  return name
}

/** The order in which Go writes a subject, whatever order the certificate has. */
const written = ['SERIALNUMBER', 'CN', 'OU', 'O', 'POSTALCODE', 'STREET', 'L', 'ST', 'C']
/** Of these only the last one counts. */
const single = new Set(['SERIALNUMBER', 'CN'])

function valuesOf(attributes: readonly RawAttribute[], type: string): readonly string[] {
  return attributes.flatMap(({ oid, value }) =>
    attributeTypes.get(oid) === type && value !== null ? [value] : [],
  )
}

function writtenParts(attributes: readonly RawAttribute[]): readonly string[] {
  return written.flatMap(type => {
    const all = valuesOf(attributes, type)
    const values = single.has(type) ? all.slice(-1) : all
    const texts = values.map(value => `${type}=${escapedValue(value)}`)
    return texts.length === 0 ? [] : [texts.join('+')]
  })
}

function textsOf(attributes: readonly RawAttribute[]): readonly string[] {
  const text = writtenParts(attributes).join(',')
  const components = valuesOf(attributes, 'DC').map(value => `DC=${value}`)
  const texts = components.length === 0 ? [text] : [`${text},${components.join(',')}`, text]
  return texts.filter(one => one !== '')
}

const alternativeNamesOid = '2.5.29.17'
/** Of a general name: e-mail, DNS, URI. */
const alternativeTags = [0x81, 0x82, 0x86]

function alternativesOf(extensions: DerValue | undefined): readonly string[] {
  const [list] = (extensions && derValues(extensions.content)) ?? []
  for (const extension of (list && derValues(list.content)) ?? []) {
    const [oid, ...rest] = derValues(extension.content) ?? []
    if (!oid || oidText(oid.content) !== alternativeNamesOid) continue
    const octets = rest.at(-1)
    const [sequence] = (octets && derValues(octets.content)) ?? []
    const names = (sequence && derValues(sequence.content)) ?? []
    return alternativeTags.flatMap(wanted =>
      names.flatMap(({ tag, content }) => (tag === wanted ? [content.toString('latin1')] : [])),
    )
  }
  return []
}
