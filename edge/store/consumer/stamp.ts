// Times as they stand in ack subjects: nanoseconds since 1970. A number of sixteen digits is slow
// to print; its seconds are the same for many messages in a row, and the rest is looked up.

const perSecond = 1_000_000

/** '000' to '999'. */
const thousands = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'))

export class Stamp {
  #second = -1
  #text = ''

  text(timeUs: number): string {
    const second = Math.floor(timeUs / perSecond)
    if (second !== this.#second) {
      this.#second = second
      this.#text = String(second)
    }
    const rest = timeUs - second * perSecond
    const milli = Math.floor(rest / 1000)
    // Before 1970's first second is over there are fewer digits.
    if (second === 0) return `${timeUs}000`
    return `${this.#text}${thousands[milli]}${thousands[rest - milli * 1000]}000`
  }
}
