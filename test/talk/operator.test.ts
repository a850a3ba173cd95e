import { heldHere, heldThere } from './held.ts'
import { operatorTalks } from './operators.ts'
import { shareTalks } from './operator-shares.ts'
import { resolverTalks } from './resolvers.ts'

heldHere('operator mode', operatorTalks)
heldHere('resolvers', resolverTalks)
heldHere('operator mode: shares', shareTalks)

heldThere('operator mode', ['2.10', 'newest'], operatorTalks)
heldThere('resolvers', ['2.10', 'newest'], resolverTalks)
heldThere('operator mode: shares', ['2.10', 'newest'], shareTalks)
