import * as assert from 'uvu/assert'
import { newTransform, reachOf } from '../../src/subject/transform.ts'
import { spec } from '../support/spec.ts'

function apply(source: string, destination: string, subject: string): string | null {
  const transform = newTransform(source, destination)
  if (typeof transform === 'string') throw new Error(transform)
  return transform.apply(subject)
}

const rows: readonly (readonly [string, string, string, string | null])[] = [
  ['a', 'b', 'a', 'b'],
  ['a', 'b', 'c', null],
  ['', 'x.>', 'a.b', 'x.a.b'],
  ['>', '>', 'a.b', 'a.b'],
  ['a.>', 'b.c.>', 'a.x.y', 'b.c.x.y'],
  ['a.>', 'b.>', 'a', null],
  ['a.*.*', 'z.$2.$1', 'a.1.2', 'z.2.1'],
  ['a.*.>', '$1.a.>', 'a.1.2.3', '1.a.2.3'],
  ['a.*', '{{ Wildcard( 1 ) }}', 'a.1', '1'],
  ['*', '$0.$-3', 'a', 'a.a'],
  ['*', '$x.$', 'a', '$x.$'],
  ['*', 'p.{{partition(10,1)}}', 'foo', 'p.3'],
  ['*.*', 'p.{{Partition(1,1,2)}}', 'foo.bar', 'p.0'],
  ['a.b', 'p.{{partition(1)}}.{{random(1)}}', 'a.b', 'p.0.0'],
  ['*', '$1.{{random(1)}}', 'a', 'a.0'],
  ['*', '{{splitFromLeft(1,3)}}', '12345', '123.45'],
  ['*', '{{SplitFromRight(1,3)}}', '12345', '12.345'],
  ['*', '{{splitfromleft(1,5)}}', '12345', '12345'],
  ['*', '{{splitfromleft(1,0)}}', '12345', '12345'],
  ['*', '{{slicefromleft(1,3)}}', '1234567890', '123.456.789.0'],
  ['*', '{{slicefromright(1,3)}}', '1234567890', '1.234.567.890'],
  ['*', '{{SliceFromLeft(1,5)}}', '1234567890', '12345.67890'],
  ['*', '{{split(1,-)}}', 'a-b--c-', 'a.b.c'],
  ['*', 'x.{{split(1,-)}}', '--', null],
  ['*', '{{left(1,2)}}.{{right(1,2)}}', '12345', '12.45'],
]

const refused: readonly (readonly [string, string, string])[] = [
  ['a..b', 'c', 'invalid subject'],
  ['a', 'b.*', 'invalid subject'],
  ['a.>', 'b', 'invalid subject'],
  ['a', 'b.>', 'invalid subject'],
  ['a', '$1', 'invalid mapping destination: wildcard index out of range in $1'],
  ['*', '$2', 'invalid mapping destination: wildcard index out of range in $2: [2]'],
  ['*', '{{foo(1)}}', 'invalid mapping destination: unknown function in {{foo(1)}}'],
  [
    '*',
    '{{wildcard()}}',
    'invalid mapping destination: not enough arguments passed to the function in {{wildcard()}}',
  ],
  [
    '*',
    '{{wildcard(1,2)}}',
    'invalid mapping destination: too many arguments passed to the function in {{wildcard(1,2)}}',
  ],
  [
    '*',
    '{{partition(0,1)}}',
    'invalid mapping destination: function argument is invalid or in the wrong format in {{partition(0,1)}}',
  ],
  [
    '*',
    '{{split(1,a b)}}',
    'invalid mapping destination: function argument is invalid or in the wrong format in {{split(1,a b)}}',
  ],
]

spec('subject transform', it => {
  for (const [source, destination, subject, expected] of rows) {
    it(`makes ${expected} of ${subject} by ${source} -> ${destination}`, () => {
      assert.is(apply(source, destination, subject), expected)
    })
  }

  it('says what is wrong', () => {
    for (const [source, destination, text] of refused) {
      assert.is(newTransform(source, destination), text, `${source} ${destination}`)
    }
  })

  it('takes 256 tokens and not one more', () => {
    const tokens = (count: number) => Array(count).fill('t').join('.')
    assert.is.not(typeof newTransform('a', tokens(256)), 'string')
    assert.is(newTransform('a', tokens(257)), 'invalid subject')
  })

  it('makes subjects of 4096 characters and none that is longer', () => {
    const long = 'x'.repeat(2046)
    assert.is(apply('*', '$1.$1.z', long)?.length, 4095)
    assert.is(apply('*', '$1.$1.zz', long)?.length, 4096)
    assert.is(apply('*', '$1.$1.zzz', long), null)
  })

  it('knows which subjects a destination can become', () => {
    assert.is(reachOf('a.$1.{{partition(3,1)}}.b'), 'a.*.*.b')
    assert.is(reachOf('a.{{split(1,-)}}.b'), 'a.>')
    assert.is(reachOf('a.b.>'), 'a.b.>')
  })
})
