import { accountTalks } from './accounts.ts'
import { heldHere, heldThere } from './held.ts'
import { logins } from './logins.ts'

const talks = [...logins, ...accountTalks]

heldHere('logins', talks)
heldThere('logins', ['2.10'], talks)
