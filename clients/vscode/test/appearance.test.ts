import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { appearanceOf } from '../src/appearance.ts';
import type { Condition } from '../src/messages.ts';

const READY: Condition = { state: 'ready', message: '', loadedBytes: 0, totalBytes: 0, uri: null, reason: null };
const URI = 'file:///x.py';

const CASES: [what: string, change: Partial<Condition>, pause: string | undefined, text: RegExp, tooltip: RegExp][] = [
  ['ready', {}, undefined, /sparkle/, /^Lacuna is ready\.$/],
  ['loading', { state: 'loading', loadedBytes: 1, totalBytes: 3 }, 'paused', /33 %$/, /being loaded/],
  ['loading before anything is counted', { state: 'loading' }, undefined, /Lacuna$/, /being loaded/],
  ['filling', { state: 'filling' }, undefined, /sync~spin/, /filled/],
  ['paused', {}, 'paused for python', /debug-pause/, /paused for python/],
  ['an error', { state: 'error', message: 'Do this.' }, 'paused', /error/, /^Do this\.$/],
  ['a reason', { reason: 'inside-word', uri: URI }, undefined, /sparkle/, /the cursor is inside a word\.$/],
  ['a reason in another document', { reason: 'inside-word', uri: 'file:///y.py' }, undefined, /sparkle/, /ready\.$/],
  ['a file left alone', { state: 'disabled', reason: 'secret-file', uri: URI }, undefined, /slash/, /holds secrets\.$/],
];

for (const [what, change, pause, text, tooltip] of CASES) {
  test(`${what} is shown`, () => {
    const shown = appearanceOf({ ...READY, ...change }, pause, URI);
    assert.match(shown.text, text);
    assert.match(shown.tooltip, tooltip);
    assert.equal(shown.isError, change.state === 'error');
  });
}
