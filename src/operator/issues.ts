// What is wrong with a JWT, each point with its weight: an error blocks, a time check blocks now
// and perhaps not later, a warning blocks nothing (JWT library: ValidationResults).

export interface Issue {
  readonly description: string
  readonly blocking: boolean
  readonly timeCheck: boolean
}

/** A token with more is not looked at further. */
const issuesMax = 64

export class Issues {
  readonly list: Issue[] = []

  error(description: string): void {
    this.#add({ description, blocking: true, timeCheck: false })
  }

  time(description: string): void {
    this.#add({ description, blocking: false, timeCheck: true })
  }

  warning(description: string): void {
    this.#add({ description, blocking: false, timeCheck: false })
  }

  /** A pattern without blanks and empty tokens. */
  subject(subject: string): void {
    const fault = subjectFault(subject)
    if (fault !== null) this.error(fault)
  }

  blocks({ withTime }: { readonly withTime: boolean }): boolean {
    return this.list.some(issue => issue.blocking || (withTime && issue.timeCheck))
  }

  /** As Go prints a list of errors. */
  get errorText(): string {
    const errors = this.list.filter(issue => issue.blocking).map(issue => issue.description)
    return `validation errors: [${errors.join(' ')}]`
  }

  get text(): string {
    return this.list.map(issue => issue.description).join('; ')
  }

  #add(issue: Issue): void {
    // Of the first 64 one that blocks is always kept.
    if (this.list.length < issuesMax || issue.blocking !== this.list.some(one => one.blocking)) {
      if (this.list.length < 2 * issuesMax) this.list.push(issue)
    }
  }
}

export function subjectFault(subject: string): string | null {
  if (subject === '') return 'subject cannot be empty'
  if (subject.includes(' ')) return `subject "${subject}" cannot have spaces`
  if (subject.startsWith('.') || subject.endsWith('.')) {
    return `subject "${subject}" cannot start or end with a \`.\``
  }
  return subject.includes('..') ? `subject "${subject}" cannot contain consecutive \`.\`` : null
}
