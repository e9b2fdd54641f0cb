/** The packaged extension in the real VS Code, with the real server and the embedded model: one editor for all. */

import { strict as assert } from 'node:assert';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { Editor } from './editor.ts';
import { fillTests } from './fillTests.ts';
import { ghostTextTests } from './ghostTextTests.ts';
import { tourTests } from './tourTests.ts';
import { troubleTests } from './troubleTests.ts';
import { Workplace } from './workplace.ts';

let editor: Editor;

before(async () => {
  const place = await Workplace.make();
  editor = await Editor.start(place);
  await editor.isReady();
  await editor.open('warm.py', 'class Person:\n    def __init__(self, name):\n        self.name = <|>\n');
  await editor.firstGhost();
});

after(async () => {
  await editor.stop();
  await editor.place.remove();
});

const FAILURES = process.env.LACUNA_FAILURES;

afterEach(async (context) => {
  if (!FAILURES || !('passed' in context) || context.passed) return;
  await mkdir(FAILURES, { recursive: true });
  await editor.page.screenshot({
    path: join(FAILURES, `${context.name.replaceAll(/\W+/g, '-')}.png`),
  });
});

test('the extension is installed from its package', async () => {
  assert.match(await editor.extensions(), /^lacuna\.lacuna@/m);
});

ghostTextTests(() => editor);
fillTests(() => editor);
tourTests(() => editor);
troubleTests(() => editor);
