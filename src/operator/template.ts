// Role templates: the permissions of a scoped signing key, filled in for one of its users.
//
//   {{name()}} {{subject()}}                     of the user
//   {{account-name()}} {{account-subject()}}     of its account
//   {{tag(x)}} {{account-tag(x)}}                every value of `x:value` among the tags
//
// A tag with several values makes a subject for each, and two such tags each pair of them. In an
// allow list a subject that comes out invalid is left out, and a list that is empty then denies
// everything; in a deny list it refuses the user. (nats-server: processUserPermissionsTemplate)

import { isPattern } from '../subject/subject.ts'
import type { PermissionClaims, SubjectLists, UserClaims } from './claims.ts'

/** Subjects that the tags of one list may make; nats-server's bound. */
const expansionsMax = 4096

export interface TemplateAccount {
  readonly name: string
  readonly tags: readonly string[]
}

/** The permissions, or why the user cannot have any. */
export function fillTemplate(
  template: PermissionClaims,
  user: UserClaims,
  account: TemplateAccount,
): PermissionClaims | string {
  const publish = fillLists(template.publish, user, account)
  if (typeof publish === 'string') return publish
  const subscribe = fillLists(template.subscribe, user, account)
  if (typeof subscribe === 'string') return subscribe
  return { publish, subscribe, responses: template.responses }
}

function fillLists(
  { allow, deny }: SubjectLists,
  user: UserClaims,
  account: TemplateAccount,
): SubjectLists | string {
  const allowed = fillList(allow, false, user, account)
  if (typeof allowed === 'string') return allowed
  const denied = fillList(deny, true, user, account)
  if (typeof denied === 'string') return denied
  const isNothing = allow.length > 0 && allowed.length === 0
  return { allow: allowed, deny: isNothing ? [...denied, '>'] : denied }
}

const variable = /\{\{.*?\}\}/g

function fillList(
  list: readonly string[],
  isDeny: boolean,
  user: UserClaims,
  account: TemplateAccount,
): readonly string[] | string {
  if (!list.some(subject => subject.includes('{{'))) return list
  const filled: string[] = []
  for (const subject of list) {
    const found = fillSubject(subject, isDeny, user, account, expansionsMax - filled.length)
    if (typeof found === 'string') return found
    for (const one of found) {
      if (isEntry(one)) filled.push(one)
      else if (isDeny) return 'generated invalid subject'
    }
  }
  return filled
}

/** Every subject that one with variables stands for. */
function fillSubject(
  subject: string,
  isDeny: boolean,
  user: UserClaims,
  account: TemplateAccount,
  roomFor: number,
): readonly string[] | string {
  let subjects = [subject]
  for (const [token] of subject.matchAll(variable)) {
    const operation = token.slice(2, -2).trim()
    const values = valuesOf(operation, user, account)
    if (values === null) return `template operation in "${subject}": "${operation}" is not defined`
    if (values.length === 0 && isDeny) {
      return `generated invalid subject "${subject}": "${operation}" is not defined`
    }
    // A tag without a value makes a subject that is none.
    const all = values.length === 0 ? [' '] : values
    if (subjects.length * all.length > roomFor) {
      return `template expands to more than ${expansionsMax} subjects`
    }
    // A variable that was seen before is filled in already, everywhere: then nothing changes.
    if (!subjects.some(one => one.includes(token))) continue
    subjects = subjects.flatMap(one => all.map(value => one.replaceAll(token, () => value)))
  }
  return subjects
}

function valuesOf(
  operation: string,
  user: UserClaims,
  account: TemplateAccount,
): readonly string[] | null {
  switch (operation.toLowerCase()) {
    case 'name()':
      return [user.name]
    case 'subject()':
      return [user.subject]
    case 'account-name()':
      return [account.name]
    case 'account-subject()':
      return [user.issuerAccount]
  }
  const tag = /^(account-)?tag\((.*)\)$/i.exec(operation)
  if (!tag) return null
  const tags = tag[1] === undefined ? user.tags : account.tags
  const prefix = `${(tag[2] ?? '').toLowerCase()}:`
  return tags.filter(one => one.startsWith(prefix)).map(one => one.slice(prefix.length))
}

/** nats-server takes neither blanks nor tabs here, so no queue either. */
function isEntry(subject: string): boolean {
  return !/\s/.test(subject) && isPattern(subject)
}
