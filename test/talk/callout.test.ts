import { startCallout } from '../../src/server/callout-mode.ts'
import { calloutTalks, ownTalks, sealedTalk } from './callouts.ts'
import { heldHere, heldThere } from './held.ts'

const talks = [...calloutTalks, await sealedTalk()]

heldHere('auth callout', [...talks, ...ownTalks], startCallout)
heldThere('auth callout', ['2.10', 'newest'], talks, 40_000)
