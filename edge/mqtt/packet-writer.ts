// The way out of one MQTT connection: packets written into its outbox, and what was written,
// counted.
//
// Every byte is copied into the outbox at once, so that one small buffer serves all connections.

import type { Outbox } from '../../src/link/outbox.ts'
import type { Pressure } from '../../src/link/pressure.ts'
import { writeFixedHeader } from './packet.ts'
import type { Downlink } from './session.ts'

export class PacketWriter implements Downlink {
  outMsgs = 0
  outBytes = 0
  readonly #outbox: Outbox
  readonly #pressure: Pressure

  constructor(outbox: Outbox, pressure: Pressure) {
    this.#outbox = outbox
    this.#pressure = pressure
  }

  get congested(): boolean {
    return this.#outbox.congested
  }

  forward(prefix: Buffer, prefixBytes: number, chunk: Buffer, start: number, end: number): void {
    const outbox = this.#outbox
    this.outMsgs++
    this.outBytes += end - start
    outbox.append(prefix, 0, prefixBytes)
    if (end > start) outbox.append(chunk, start, end)
    if (outbox.congested) this.#pressure.raised = true
  }

  publish(
    first: number,
    wire: Buffer,
    packetId: number,
    chunk: Buffer,
    start: number,
    end: number,
  ): void {
    const outbox = this.#outbox
    this.outMsgs++
    this.outBytes += end - start
    const bodyBytes = wire.length + (packetId === 0 ? 0 : 2) + end - start
    outbox.append(small, 0, writeFixedHeader(small, first, bodyBytes))
    outbox.append(wire, 0, wire.length)
    if (packetId !== 0) {
      small[0] = packetId >> 8
      small[1] = packetId & 0xff
      outbox.append(small, 0, 2)
    }
    if (end > start) outbox.append(chunk, start, end)
    // What waits at QoS 1 waits in the session: only QoS 0 slows its publishers down.
    if (packetId === 0 && outbox.congested) this.#pressure.raised = true
  }

  send(packet: Buffer): void {
    this.#outbox.append(packet, 0, packet.length)
  }

  /** The four-byte packets: PUBACK, PUBREC, PUBCOMP. */
  sendShort(type: number, packetId: number): void {
    small[0] = type << 4
    small[1] = 2
    small[2] = packetId >> 8
    small[3] = packetId & 0xff
    this.#outbox.append(small, 0, 4)
  }
}

/** For the few bytes that stand before a topic or make an acknowledgement; copied at once. */
const small = Buffer.alloc(8)
