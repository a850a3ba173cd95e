import * as assert from 'uvu/assert'
import { concerns, readOptions } from '../../src/system/options.ts'
import { serverViews } from '../../src/system/views.ts'
import { spec } from '../support/spec.ts'

const connz = serverViews.CONNZ!
const field = 'Go struct field ConnzEventOptions.'

spec('system/options', it => {
  it('become the parameters of the HTTP endpoint', () => {
    const body = {
      sort: 'subs',
      auth: true,
      subscriptions_detail: true,
      limit: 5,
      CID: 7,
      state: 1,
      acc: 'A',
      unknown: {},
      user: null,
    }
    const { query } = read(JSON.stringify(body))
    const names = ['sort', 'auth', 'subs', 'limit', 'cid', 'state', 'acc', 'user']
    assert.equal(
      names.map(name => query.text(name)),
      ['subs', '1', 'detail', '5', '7', 'closed', 'A', ''],
    )
  })

  it('are the defaults when nothing is asked', () => {
    for (const body of ['', ' ', 'null', '{}', '{"auth":false}']) {
      assert.not.ok(read(body).query.bool('auth'), body)
    }
  })

  it('are refused with the words of Go', () => {
    const rows: readonly (readonly [string, string])[] = [
      ['{bad', 'invalid JSON in the request'],
      ['[]', 'json: cannot unmarshal array into Go value of type server.ConnzEventOptions'],
      ['"x"', 'json: cannot unmarshal string into Go value of type server.ConnzEventOptions'],
      ['{"limit":"x"}', `json: cannot unmarshal string into ${field}limit of type int`],
      ['{"limit":1.5}', `json: cannot unmarshal number 1.5 into ${field}limit of type int`],
      ['{"cid":-1}', `json: cannot unmarshal number -1 into ${field}cid of type uint64`],
      ['{"auth":1}', `json: cannot unmarshal number into ${field}auth of type bool`],
      ['{"tags":"x"}', `json: cannot unmarshal string into ${field}tags of type []string`],
      ['{"tags":[1]}', `json: cannot unmarshal number into ${field}tags of type []string`],
      [
        '{"state":"x"}',
        `json: cannot unmarshal string into ${field}state of type server.ConnState`,
      ],
    ]
    for (const [body, text] of rows) {
      assert.equal(readOptions(body, connz), { is: 'wrong', text }, body)
    }
  })

  it('do not take names of every object for fields', () => {
    assert.is(readOptions('{"constructor":1,"__proto__":2,"toString":3}', connz).is, 'read')
  })

  it('say which servers are asked', () => {
    const host = {
      sources: {
        server: {
          name: 'edge-1',
          address: { host: '10.0.0.7' },
          options: { server_tags: ['arm', 'attic'] },
        },
      },
      cluster: () => 'C1',
      domain: 'hut',
    }
    const rows: readonly (readonly [object, boolean])[] = [
      [{}, true],
      [{ server_name: 'edge' }, true],
      [{ server_name: 'edge', exact_match: true }, false],
      [{ server_name: 'edge-1', exact_match: true }, true],
      [{ server_name: 'hub' }, false],
      [{ host: '10.0' }, true],
      [{ host: '10.1' }, false],
      [{ cluster: 'C' }, true],
      [{ cluster: 'C', exact_match: true }, false],
      [{ cluster: 'D' }, false],
      [{ tags: ['arm'] }, true],
      [{ tags: ['arm', 'x64'] }, false],
      [{ domain: 'hut' }, true],
      [{ domain: 'h' }, false],
    ]
    for (const [filter, isAsked] of rows) {
      const options = read(JSON.stringify(filter))
      assert.is(concerns(options.filter, host as never), isAsked, JSON.stringify(filter))
    }
  })
})

function read(body: string) {
  const result = readOptions(body, connz)
  if (result.is === 'wrong') throw new Error(result.text)
  return result.options
}
