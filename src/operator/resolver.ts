// Where the JWTs of accounts come from. Three kinds: memory, a folder, a web server.

/** A JWT, or why there is none. */
export type Fetched = { readonly jwt: string } | { readonly missing: string }

export interface Resolver {
  /** For the log and monitoring. */
  readonly kind: 'memory' | 'full' | 'cache' | 'url'
  fetch(account: string): Fetched | Promise<Fetched>
  /** A JWT of the config's resolver_preload; absent: it cannot keep any. */
  preload?(account: string, jwt: string): void
  start(): Promise<void>
  close(): Promise<void>
}

export class MemoryResolver implements Resolver {
  readonly kind = 'memory'
  readonly #jwts = new Map<string, string>()

  fetch(account: string): Fetched {
    const jwt = this.#jwts.get(account)
    return jwt === undefined ? { missing: 'account missing' } : { jwt }
  }

  preload(account: string, jwt: string): void {
    this.#jwts.set(account, jwt)
  }

  /** What a reloaded config does not name any more. */
  retain(accounts: ReadonlySet<string>): void {
    for (const account of [...this.#jwts.keys()]) {
      if (!accounts.has(account)) this.#jwts.delete(account)
    }
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
