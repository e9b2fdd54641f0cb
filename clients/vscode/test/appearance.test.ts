import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { appearanceOf } from '../src/appearance.ts';
import type { Condition } from '../src/messages.ts';

const READY: Condition = { state: 'ready', message: '', loadedBytes: 0, totalBytes: 0, uri: null, reason: null };
const WHY = { reason: 'secret-file', message: 'the file holds secrets; rename it' };
const URI = 'file:///x.py';

const CASES: [what: string, change: Partial<Condition>, pause: string | undefined, text: RegExp, tooltip: RegExp][] = [
  ['ready', {}, undefined, /sparkle/, /^Lacuna is ready\.$/],
  ['loading', { state: 'loading', loadedBytes: 1, totalBytes: 3 }, 'paused', /33 %$/, /being loaded/],
  ['loading before anything is counted', { state: 'loading' }, undefined, /Lacuna$/, /being loaded/],
  ['filling', { state: 'filling' }, undefined, /sync~spin/, /filled/],
  ['paused', {}, 'paused for python', /debug-pause/, /paused for python/],
  ['an error', { state: 'error', message: 'Do this.' }, 'paused', /error/, /^Do this\.$/],
  ['a reason', { ...WHY, uri: URI }, undefined, /sparkle/, /ready\. Nothing was suggested: the file .*; rename it\.$/],
  ['a reason in another document', { ...WHY, uri: 'file:///y.py' }, undefined, /sparkle/, /ready\.$/],
  ['a file left alone', { ...WHY, state: 'disabled', uri: URI }, undefined, /slash/, /alone\. .* rename it\.$/],
];

for (const [what, change, pause, text, tooltip] of CASES) {
  test(`${what} is shown`, () => {
    const shown = appearanceOf({ ...READY, ...change }, pause, URI);
    assert.match(shown.text, text);
    assert.match(shown.tooltip, tooltip);
    assert.equal(shown.isError, change.state === 'error');
  });
}
