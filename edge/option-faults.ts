// What is wrong with options that only shows when they are put to use: certificates that cannot be
// loaded, and what a reload cannot bring because the rooms that need it were opened at the start.

import { tlsProblems } from '../src/server/tls-check.ts'
import type { EdgeOptions } from './options.ts'

/** Throws the text for the log when `next` cannot work; `first`: what we started with. */
export function verifyOptions(first: EdgeOptions, next: EdgeOptions): void {
  const [problem] = tlsProblems(next)
  if (problem !== undefined) throw new Error(problem.text)
  if (!isCalloutKept(first, next)) {
    throw new Error('config reload not supported for AuthCallout')
  }
}

/** What it needs is loaded at the start: it cannot begin, or begin to seal, later. */
function isCalloutKept(first: EdgeOptions, next: EdgeOptions): boolean {
  const [was, is] = [first, next].map(options => options.authorization?.auth_callout ?? null)
  if (!is) return true
  return was !== null && was !== undefined && (is.xkey === null || was.xkey !== null)
}
