// Versions of servers, as `min_version` compares them.

const pattern = /^v?(\d+)\.(\d+)\.(\d+)(?:[-+.].*)?$/

type Version = readonly [number, number, number]

/** Is the version at least the other? One that cannot be read is not. */
export function isAtLeast(version: string, least: string): boolean {
  const a = readVersion(version)
  const b = readVersion(least)
  if (a === null || b === null) return false
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference > 0
  }
  return true
}

/** What is wrong with a `min_version`, or null. */
export function minVersionProblem(text: string): string | null {
  if (readVersion(text) === null)
    return `invalid leafnode's minimum version: invalid semver "${text}"`
  return isAtLeast(text, '2.8.0') ? null : 'the minimum version should be at least 2.8.0'
}

function readVersion(text: string): Version | null {
  const found = pattern.exec(text.trim())
  return found && [Number(found[1]), Number(found[2]), Number(found[3])]
}
