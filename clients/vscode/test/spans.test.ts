import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { moved, type Change } from '../src/spans.ts';

const change = (rangeOffset: number, rangeLength: number, text: string): Change => ({ rangeOffset, rangeLength, text });

const CASES: [what: string, changes: Change[], place: [number, number] | undefined][] = [
  ['text before it moves it', [change(2, 0, 'abc')], [13, 18]],
  ['text right before it moves it', [change(10, 0, 'abc')], [13, 18]],
  ['text right behind it leaves it', [change(15, 0, 'abc')], [10, 15]],
  ['text within it takes it away', [change(12, 0, 'x')], undefined],
  ['a deletion before it moves it', [change(0, 4, '')], [6, 11]],
  ['a deletion that reaches into it takes it away', [change(8, 3, '')], undefined],
  ['several changes add up', [change(20, 1, 'abc'), change(5, 1, ''), change(0, 0, 'ab')], [11, 16]],
];

for (const [what, changes, place] of CASES) {
  test(what, () => {
    const [span] = moved([{ start: 10, end: 15, confidence: 0.3 }], changes);
    assert.deepEqual(span && [span.start, span.end], place);
  });
}
