// The versions we name.

/** The nats-server version whose behaviour is implemented: clients gate features on it. */
export const protocolVersion = '2.14.5'

/** The level of the JetStream API that belongs to it (ADR-44). */
export const apiLevel = 4
