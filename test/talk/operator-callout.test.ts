import { heldHere, heldThere } from './held.ts'
import { operatorCalloutTalks, ownOperatorTalk, sealedOperatorTalk } from './operator-callouts.ts'

const talks = [...operatorCalloutTalks, await sealedOperatorTalk()]

heldHere('auth callout in operator mode', [...talks, ownOperatorTalk])
heldThere('auth callout in operator mode', ['2.10', 'newest'], talks, 40_000)
