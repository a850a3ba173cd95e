import { heldHere, heldThere } from './held.ts'
import { ownTalks, sharingTalks } from './sharing.ts'

heldHere('sharing between accounts', [...sharingTalks, ...ownTalks])
heldThere('sharing between accounts', ['2.10', '2.15'], sharingTalks)
