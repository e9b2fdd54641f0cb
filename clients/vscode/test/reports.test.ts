import { strict as assert } from 'node:assert';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Report } from '../src/messages.ts';
import { lastReason } from '../src/reasons.ts';
import { reportPage } from '../src/report.ts';

const URI = 'file:///x.py';
const INSIDE_WORD = {
  time: 10,
  uri: URI,
  reason: 'inside-word',
  message: 'the cursor is inside a word; go to its end',
};
const REPORT: Report = {
  condition: { state: 'ready', message: '', loadedBytes: 0, totalBytes: 0, uri: null, reason: null },
  engine: { version: '0.1.0', pid: 7, checkpoint: 'embedded', device: 'cpu', precision: 'fp8' },
  emptyAnswers: [
    INSIDE_WORD,
    { time: 20, uri: URI, reason: 'superseded', message: 'a newer request came; wait for its answer' },
    { time: 30, uri: 'file:///y.py', reason: 'empty', message: 'nothing belongs there; write how it begins' },
  ],
  reasons: [
    { reason: 'inside-word', message: 'the cursor is inside a word; go to its end', count: 3 },
    { reason: 'superseded', message: 'a newer request came; wait for its answer', count: 1 },
  ],
  problems: ['lacuna.x is no setting and is ignored.'],
  tally: { shown: 4, accepted: 2, acceptedCharacters: 9, rejected: 1 },
};

test('the last reason is that of the document, and no overtaken request', () => {
  assert.deepEqual(lastReason(REPORT, URI), INSIDE_WORD);
  assert.equal(lastReason(REPORT, 'file:///z.py'), undefined);
});

test('a report tells everything', () => {
  const page = reportPage(REPORT, '/bin/lacuna');
  for (const text of [
    'State: ready',
    '/bin/lacuna',
    'on cpu',
    'embedded, in fp8',
    '2, with 9 characters',
    'lacuna.x',
  ]) {
    assert.ok(page.includes(text), text);
  }
  assert.match(page, /- the cursor is inside a word; go to its end \(3\)\n- a newer request/);
});

test('a report names no home directory', () => {
  assert.match(reportPage(REPORT, join(homedir(), 'bin', 'lacuna')), /Server: ~.bin.lacuna\n/);
});

test('a report does without an engine', () => {
  assert.match(reportPage({ ...REPORT, engine: null }, 'x'), /Engine: none yet/);
});
