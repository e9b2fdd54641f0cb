import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import type { Report } from '../src/messages.ts';
import { lastReason, sentenceFor } from '../src/reasons.ts';
import { reportPage } from '../src/report.ts';

const URI = 'file:///x.py';
const REPORT: Report = {
  condition: { state: 'ready', message: '', loadedBytes: 0, totalBytes: 0, uri: null, reason: null },
  engine: { version: '0.1.0', pid: 7, checkpoint: 'embedded', device: 'cpu', uptime_seconds: 120, num_fills: 5 },
  emptyAnswers: [
    { time: 10, uri: URI, reason: 'inside-word' },
    { time: 20, uri: URI, reason: 'superseded' },
    { time: 30, uri: 'file:///y.py', reason: 'empty' },
  ],
  reasons: { superseded: 1, 'inside-word': 3 },
  problems: ['lacuna.x is no setting and is ignored.'],
  tally: { shown: 4, accepted: 2, acceptedCharacters: 9, rejected: 1 },
};

test('a reason that a newer server has is told in its own words', () => {
  assert.equal(sentenceFor('inside-word'), 'the cursor is inside a word');
  assert.equal(sentenceFor('too-early'), 'too early');
});

test('the last reason is that of the document, and no overtaken request', () => {
  assert.deepEqual(lastReason(REPORT, URI), { sentence: 'the cursor is inside a word', time: 10 });
  assert.equal(lastReason(REPORT, 'file:///z.py'), undefined);
});

test('a report tells everything, the most frequent reason first', () => {
  const page = reportPage(REPORT, '/bin/lacuna');
  for (const text of [
    'State: ready',
    '/bin/lacuna',
    'on cpu',
    'embedded',
    '5 in 2 minutes',
    '2, with 9 characters',
    'lacuna.x',
  ]) {
    assert.ok(page.includes(text), text);
  }
  assert.ok(page.indexOf('inside a word: 3') < page.indexOf('newer request'));
});

test('a report does without an engine', () => {
  assert.match(reportPage({ ...REPORT, engine: null }, 'x'), /Engine: none yet/);
});
