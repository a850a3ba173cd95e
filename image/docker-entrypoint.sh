#!/bin/sh
# Flags alone, or nothing, mean the broker: `docker run nats-edge -DV` is `nats-edge -DV`.
set -e

if [ "$#" -eq 0 ] || [ "${1#-}" != "$1" ]; then
  set -- nats-edge "$@"
fi

exec "$@"
