import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { judge, type Verdict } from '../src/verdict.ts';

const CASES: [rest: string, inserted: string, verdict: Verdict][] = [
  ['name)', 'n', 'typed'],
  ['name)', 'name)', 'accepted'],
  ['name)', 'name', 'partly'],
  ['name)', 'x', 'rejected'],
  [')', ')', 'typed'],
  ['(self)', '()', 'typed'],
  ['one\ntwo', 'one\r\n', 'partly'],
  ['one\ntwo', 'one\r\ntwo', 'accepted'],
  ['name', 'name and more', 'rejected'],
];

for (const [rest, inserted, verdict] of CASES) {
  test(`${JSON.stringify(inserted)} of ${JSON.stringify(rest)} is ${verdict}`, () => {
    assert.equal(judge(rest, inserted), verdict);
  });
}
