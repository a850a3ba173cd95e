// Parameters of a monitoring request, read as nats-server reads them: the same values are
// accepted, and the error texts are the ones its users know.

/** A request that cannot be answered; the text is the body of the 400. */
export class QueryError extends Error {}

const yes = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const no = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])
const intMax = 2n ** 63n - 1n
const uintMax = 2n ** 64n - 1n

export class Query {
  readonly #params: URLSearchParams

  constructor(params: URLSearchParams) {
    this.#params = params
  }

  /** The same with other values. */
  with(values: Readonly<Record<string, string>>): Query {
    return new Query(new URLSearchParams({ ...Object.fromEntries(this.#params), ...values }))
  }

  /** '' when it is absent. */
  text(name: string): string {
    return this.#params.get(name) ?? ''
  }

  /** Absent is false. Throws QueryError. */
  bool(name: string): boolean {
    const text = this.text(name)
    if (text === '' || no.has(text)) return false
    if (yes.has(text)) return true
    throw fault('boolean', name, 'ParseBool', text, 'invalid syntax')
  }

  /** `subs`: `detail`, or a boolean for the subjects alone. Throws QueryError. */
  subscriptions(): 'none' | 'subjects' | 'detail' {
    if (this.text('subs').toLowerCase() === 'detail') return 'detail'
    return this.bool('subs') ? 'subjects' : 'none'
  }

  /** Absent is 0; a value past what a number holds exactly is cut. Throws QueryError. */
  int(name: string): number {
    const text = this.text(name)
    if (text === '') return 0
    if (!/^[+-]?\d+$/.test(text)) throw fault('int', name, 'Atoi', text, 'invalid syntax')
    const value = BigInt(text.replace('+', ''))
    if (value > intMax || value < -intMax - 1n) {
      throw fault('int', name, 'Atoi', text, 'value out of range')
    }
    return exact(value)
  }

  /** Absent is 0. Throws QueryError. */
  uint(name: string): number {
    const text = this.text(name)
    if (text === '') return 0
    if (!/^\d+$/.test(text)) throw fault('uint64', name, 'ParseUint', text, 'invalid syntax')
    if (BigInt(text) > uintMax) {
      throw fault('uint64', name, 'ParseUint', text, 'value out of range')
    }
    return exact(BigInt(text))
  }
}

function exact(value: bigint): number {
  return Math.max(Math.min(Number(value), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)
}

function fault(type: string, name: string, parser: string, text: string, why: string): QueryError {
  const shown = JSON.stringify(text)
  return new QueryError(
    `Error decoding ${type} for '${name}': strconv.${parser}: parsing ${shown}: ${why}`,
  )
}
