// Which acknowledgements are reported as metrics (`sample_freq`, reference 6.10): a percentage,
// with or without its sign.

/** 0 to 100. */
export function sampleShare(frequency: string | undefined): number {
  if (!frequency) return 0
  return Math.min(100, Number(frequency.replace(/%$/, '')) || 0)
}

/** Is this one reported? As there, 1% is two numbers of a hundred. */
export function isSampled(share: number, random: number): boolean {
  if (share <= 0) return false
  return share >= 100 || Math.floor(random * 100) <= share
}
