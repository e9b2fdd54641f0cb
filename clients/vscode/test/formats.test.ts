import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { mistakeIn } from '../src/formats.ts';

const CASES: [pattern: string, mistake: RegExp | undefined][] = [
  ['[A-Z]{3}-\\d+', undefined],
  ['(?:a|b)?', undefined],
  ['\\(\\?=', undefined],
  ['', /^Write/],
  ['(ab', /[Ii]nvalid/],
  ['a(?=b)', /^Lookahead/],
  ['(?<!a)b', /^Lookahead/],
  ['(a)\\1', /^References/],
];

for (const [pattern, mistake] of CASES) {
  test(`${pattern || 'nothing'} is ${mistake ? 'refused' : 'taken'}`, () => {
    if (mistake) assert.match(mistakeIn(pattern) ?? '', mistake);
    else assert.equal(mistakeIn(pattern), undefined);
  });
}
