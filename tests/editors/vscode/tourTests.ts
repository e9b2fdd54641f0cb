/** What there is to see: the denoising view, the status, feedback; and the pictures for the README. */

import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'node:test';

import type { FrameLocator } from 'playwright-core';

import { until, type Editor } from './editor.ts';
import { ROOT } from './workplace.ts';

const PERSON = [
  '"""People and how they are greeted."""\n\n\n',
  'class Person:\n    def __init__(self, name):\n        self.name =<|>\n\n',
  "    def greet(self, other):\n        return f'{other.name}, this is {self.name}.'\n",
].join('');

const ROOM = [
  'class Room:\n    def __init__(self, width, height):\n        self.width = width\n        self.height = <FILL>\n\n',
  '    def area(self):\n        return self.width * <FILL>\n',
].join('');

const HINTS = '.inlineSuggestionsHints, .inline-suggestions-hints';

export function tourTests(of: () => Editor): void {
  test('ghost text, a word of which is accepted, is counted and shown', async () => {
    const editor = of();
    await editor.tidy();
    await editor.open('person.py', PERSON);
    await editor.type(' ');
    await editor.ghost();
    await picture(editor, 'ghost-text');
    await editor.page.keyboard.press('Tab');
    await editor.noGhost();
    await editor.command('Lacuna: Show Status');
    const page = frameOf(editor);
    await page.locator('text=Suggestions in this window').waitFor();
    const accepted = await page.locator('li:has-text("Accepted")').textContent();
    assert.match(accepted ?? '', /: [1-9]/);
    assert.doesNotMatch((await page.locator('body').textContent()) ?? '', /undefined|NaN/);
    await picture(editor, 'health', true);
  });

  test('alternatives are shown with their number', async () => {
    const editor = of();
    await editor.tidy();
    await editor.open('alternatives.py', PERSON);
    await editor.type(' ');
    await editor.ghost();
    await editor.page.keyboard.press('Alt+]');
    await editor.page.locator('.ghost-text-decoration').first().hover();
    const hints = editor.page.locator(HINTS).first();
    await until(async () => /\/[2-9]/.test((await hints.textContent()) ?? ''));
    await picture(editor, 'alternatives');
    await editor.page.keyboard.press('Escape');
  });

  test('the last fill is replayed, by keys, and exported as one file that needs no editor', async () => {
    const editor = of();
    await editor.tidy();
    await editor.open('room.py', ROOM);
    await editor.command('Lacuna: Fill Marked Gaps');
    await editor.isDirty();
    await editor.saved('room.py');
    await editor.command('Lacuna: Watch It Denoise');
    const page = frameOf(editor);
    const told = page.locator('.told');
    await told.waitFor();
    assert.match((await told.textContent()) ?? '', /^Result/);
    await page.locator('h1').click();
    await editor.page.keyboard.press('Home');
    await until(async () => /^Before the first step.* 0 accepted/.test((await told.textContent()) ?? ''));
    await editor.page.keyboard.press('ArrowRight');
    await until(async () => /^Step 1 of/.test((await told.textContent()) ?? ''));
    for (let step = 2; step < 20 && !/[1-9]\d* accepted/.test((await told.textContent()) ?? ''); step += 1) {
      await editor.page.keyboard.press('ArrowRight');
    }
    await editor.page.setViewportSize({ width: 1000, height: 780 });
    await picture(editor, 'denoising', true);
    await editor.page.setViewportSize({ width: 1000, height: 560 });
    await page.locator('button:has-text("Export")').click();
    const file = join(editor.place.project, 'denoising.html');
    await editor.name(file, 'Export the replay');
    await until(() =>
      readFile(file).then(
        () => true,
        () => false,
      ),
    );
    await opensAlone(editor, file);
  });

  test('the menu shows what can be done', async () => {
    const editor = of();
    await editor.tidy();
    await editor.open('person.py', PERSON.replace('<|>', ' name'));
    await editor.command('Lacuna: Show Menu');
    await editor.page.locator('.quick-input-list .monaco-list-row:has-text("Watch the last fill")').waitFor();
    await picture(editor, 'status', true);
    await editor.page.keyboard.press('Escape');
  });
}

/** The page inside the active webview. */
function frameOf(editor: Editor): FrameLocator {
  return editor.page.frameLocator('iframe.webview.ready').frameLocator('#active-frame');
}

/** Opens an exported replay in the browser alone: it must work, and ask nobody for anything. */
async function opensAlone(editor: Editor, file: string): Promise<void> {
  const page = await editor.page.context().newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => request.url().startsWith('file:') || problems.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  await page.locator('.told:has-text("Result")').waitFor();
  await page.keyboard.press('Home');
  await page.locator('.told:has-text("Before the first step")').waitFor();
  assert.equal(await page.locator('button:has-text("Export")').count(), 0);
  await page.close();
  assert.deepEqual(problems, []);
}

/** Takes a picture of the editor, or of the whole window, for the README. */
async function picture(editor: Editor, name: string, isWhole = false): Promise<void> {
  const size = editor.page.viewportSize();
  assert.ok(size);
  const clip = isWhole ? { x: 0, y: 0, ...size } : { x: 0, y: 36, width: size.width, height: 300 };
  await editor.page.screenshot({
    path: join(ROOT, 'clients', 'vscode', 'images', `${name}.png`),
    clip,
    animations: 'disabled',
  });
}
