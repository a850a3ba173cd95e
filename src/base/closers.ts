// What was started, closed in reverse.

export interface Closer {
  /** Idempotent: stop intake, flush, free. */
  close(): Promise<void> | void
}

export class Closers implements Closer {
  readonly #stack: Closer[] = []

  add<T extends Closer>(closer: T): T {
    this.#stack.push(closer)
    return closer
  }

  /** Closes all, last one first. Goes on after a failure and throws the first one at the end. */
  async close(): Promise<void> {
    let failed: unknown
    for (let closer = this.#stack.pop(); closer; closer = this.#stack.pop()) {
      try {
        await closer.close()
      } catch (error) {
        failed ??= error
      }
    }
    if (failed) throw failed
  }
}
