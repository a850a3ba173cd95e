// The versions we name.

/** The nats-server version whose behaviour is implemented: clients gate features on it. */
export const protocolVersion = '2.10.27'
