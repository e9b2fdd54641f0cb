import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import type { Replay, Token } from '../src/messages.ts';
import { count, framesOf } from '../src/replay/frames.ts';
import { replayHtml } from '../src/replayHtml.ts';

/** A gap's slots by a word for each; `_` is masked. */
const slots = (words: string): Token[] =>
  words.split(' ').map((word) => ({ text: word === '_' ? null : word, confidence: word === '_' ? 0 : 0.5 }));

const step = (number: number, ...gaps: string[]): Replay['steps'][number] => {
  return { step: number, elapsedMs: 10 * number, gaps: gaps.map(slots) };
};

const REPLAY: Replay = {
  ...{ uri: 'file:///x.py', language: 'python', before: 'x = ', after: '\n</script>', segments: [' + '] },
  steps: [step(1, 'a _ _', '_'), step(2, 'a b c', '_'), step(3, 'a d _', 'e'), step(4, 'a d', 'e')],
  tokens: [slots('a'), slots('e')],
  texts: ['a', 'e'],
  ...{ stopReason: 'stable', numSteps: 4, numForwards: 4, numPrefixTokens: 3, numCachedTokens: 0 },
  ...{ queueMs: 1, encodeMs: 2, denoiseMs: 40, rankMs: 1, totalMs: 45 },
};

const frames = framesOf(REPLAY);

test('a replay begins with everything masked and ends with the result', () => {
  assert.deepEqual(
    frames.map(({ name }) => name),
    ['Before the first step', 'Step 1 of 4', 'Step 2 of 4', 'Step 3 of 4', 'Step 4 of 4', 'Result'],
  );
  assert.deepEqual(
    frames.map(({ elapsedMs }) => elapsedMs),
    [3, 10, 20, 30, 40, 45],
  );
  assert.equal(count(frames[0]!).masked, 4);
});

test('what a step did to each slot is told', () => {
  const fates = frames.map(({ gaps }) => gaps.map((gap) => gap.map(({ fate }) => fate).join(' ')));
  assert.deepEqual(fates[1], ['accepted masked masked', 'masked']);
  assert.deepEqual(fates[2], ['kept accepted accepted', 'masked']);
  assert.deepEqual(fates[3], ['kept revised renoised', 'accepted']);
  assert.deepEqual(fates[4], ['kept kept', 'kept']);
  assert.deepEqual(fates[5], ['kept', 'kept']);
  assert.deepEqual(
    frames.map(({ numRemoved }) => numRemoved),
    [0, 0, 0, 0, 1, 1],
  );
});

test('a fill without steps has two frames', () => {
  assert.equal(framesOf({ ...REPLAY, steps: [] }).length, 2);
});

test('code on the page cannot end its script, and nothing is fetched', () => {
  const page = replayHtml(REPLAY, 'main()', 'body {}', 'once');
  assert.equal(page.match(/<\/script>/g)?.length, 2);
  assert.match(page, /default-src 'none'/);
  assert.doesNotMatch(page, /https?:/);
});
