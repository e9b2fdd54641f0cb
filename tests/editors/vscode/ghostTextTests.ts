/** Ghost text: it comes, is accepted in whole and in parts, is typed through, and goes. */

import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { PATIENCE, until, type Editor } from './editor.ts';
import { isFilling, isIdle, numAsked, numCancelled } from './engine.ts';

const PERSON = 'class Person:\n    def __init__(self, name):\n        self.name =<|>\n';

/** What brings suggestions of several words or lines, whichever the model is; one of each has to do. */
const WORDS = [
  'class Room:\n    def __init__(self, width, height, depth):\n        self.width = width\n       <|>\n',
  'class Room:\n    def __init__(self, width):\n        self.width = width\n\n    def area(self):\n        return<|>\n',
  'import os\n\n\ndef size(path):\n    return os.path.getsize(path) if os.path<|>\n',
];
const LINES = [
  'class Error(Exception):\n    pass\n\n\nclass NotFound(Error):\n    pass\n\n\nclass<|>\n',
  'def load(path):\n    try:\n        with open(path) as file:\n            return file.read()\n   <|>\n',
  '@property\ndef name(self):\n    return self._name\n\n\n@property\ndef<|>\n',
  'class Rectangle:\n    def __init__(self, width, height, depth):\n       <|>\n',
];

/** Where ghost text below the first line is. */
const LOWER_LINES = '.view-zones .ghost-text';

export function ghostTextTests(of: () => Editor): void {
  for (const [name, marked, typed] of [
    ['person.py', PERSON, ' '],
    ['add.ts', 'function add(left: number, right: number): number {\n  return left<|>\n}\n', ' '],
    ['crlf.py', PERSON.replaceAll('\n', '\r\n'), ' '],
    ['tabs.py', PERSON.replaceAll('    ', '\t'), ' '],
    ['emoji.py', "face = '🙂👩‍👩‍👧'; name = 'Zoë'; person =<|>\n", ' '],
    [
      'astral.py',
      "class Person:\n\tdef __init__(self, name):\r\n\t\tx = '🙂'; self.name =<|>\r\n".replaceAll('\r', ''),
      ' ',
    ],
  ] as const) {
    test(`ghost text lands in ${name} where it should, byte for byte`, async () => {
      const editor = of();
      await editor.open(name, marked);
      await editor.type(typed);
      const ghost = await editor.ghost();
      assert.notEqual(ghost, '');
      await editor.page.keyboard.press('Tab');
      await editor.noGhost();
      assert.equal(await editor.saved(name), marked.replace('<|>', typed + ghost));
    });
  }

  test('a suggestion is accepted word by word', async () => {
    const editor = of();
    const [name, marked, ghost] = await suggested(editor, 'words', WORDS, (text) => /\w\W+\w/.test(text.trim()));
    await editor.page.keyboard.press('Control+ArrowRight');
    await until(async () => (await editor.shownGhost()).length < ghost.length);
    const rest = await editor.ghost();
    assert.ok(ghost.endsWith(rest) && rest.length, `${rest} is the end of ${ghost}`);
    const text = await editor.saved(name);
    assert.equal(text, marked.replace('<|>', ` ${ghost.slice(0, ghost.length - rest.length)}`));
  });

  test('a suggestion is accepted line by line', async () => {
    const editor = of();
    const hasLines = async (): Promise<boolean> => (await editor.page.locator(LOWER_LINES).count()) > 0;
    const [name, marked, ghost] = await suggested(editor, 'lines', LINES, hasLines, 'Lacuna: Suggest a Block');
    await editor.page.keyboard.press('Control+ArrowDown');
    await until(async () => (await editor.shownGhost()) !== ghost);
    await editor.page.keyboard.press('Escape');
    const text = await editor.saved(name);
    const expected = marked.replace('<|>\n', ` ${ghost}\n`);
    assert.equal(text.slice(0, expected.length), expected);
    assert.equal(text.slice(expected.length).trim(), '');
  });

  test('there are alternatives, forth and back', async () => {
    const editor = of();
    await editor.open('alternatives.py', PERSON);
    await editor.type(' ');
    const first = await editor.ghost();
    await editor.page.keyboard.press('Alt+]');
    await until(async () => ![first, ''].includes(await editor.shownGhost()));
    await editor.page.keyboard.press('Alt+[');
    await until(async () => (await editor.shownGhost()) === first);
  });

  test('what is typed through is not asked for again', async () => {
    const editor = of();
    await editor.open('through.py', PERSON);
    await editor.type(' ');
    const ghost = await editor.ghost();
    await isIdle(editor.place);
    const before = await numAsked(editor.place);
    for (let typed = 1; typed < Math.min(ghost.length, 4); typed += 1) {
      await editor.type(ghost.charAt(typed - 1));
      await until(async () => (await editor.shownGhost()) === ghost.slice(typed));
    }
    await isIdle(editor.place);
    assert.equal(await numAsked(editor.place), before);
  });

  test('a file that was closed and is opened with another text is asked for anew', async () => {
    const editor = of();
    for (const name of ['name', 'size']) {
      await editor.open('again.py', PERSON.replaceAll('name', name));
      await isIdle(editor.place);
      const before = await numAsked(editor.place);
      await editor.type(' ');
      await until(async () => (await numAsked(editor.place)) > before);
      await editor.ghost();
      await editor.page.keyboard.press('Escape');
      await editor.tidy();
    }
  });

  test('fast typing asks little', async () => {
    const editor = of();
    await editor.open('fast.py', PERSON);
    await isIdle(editor.place);
    const before = await numAsked(editor.place);
    const text = ' the_quick_brown_fox_jumps_over_the_lazy_dog';
    await editor.type(text, 5);
    await isIdle(editor.place);
    const asked = (await numAsked(editor.place)) - before;
    assert.ok(asked <= 5, `${asked} fills for ${text.length} keys`);
    await editor.page.keyboard.press('Escape');
  });

  test('Escape takes ghost text away', async () => {
    const editor = of();
    await editor.open('escape.py', PERSON);
    await editor.type(' ');
    await editor.ghost();
    await editor.page.keyboard.press('Escape');
    await editor.noGhost();
    assert.equal(await editor.saved('escape.py'), PERSON.replace('<|>', ' '));
  });

  test('Escape ends a fill under way, within a denoising step', async () => {
    const editor = of();
    const text = 'def area(width, height):\n    result = <FILL>\n    return result\n\n\n'.repeat(100);
    await editor.open('long.py', text);
    await isIdle(editor.place);
    const before = await numCancelled(editor.place);
    await editor.command('Lacuna: Fill Marked Gaps');
    await until(() => isFilling(editor.place));
    await editor.page.keyboard.press('Escape');
    await until(async () => (await numCancelled(editor.place)) === before + 1, 2 * PATIENCE);
    assert.equal(await editor.saved('long.py'), text);
  });
}

/** Opens the first of several documents that brings what is wanted. Returns its name, its text and the ghost text. */
async function suggested(
  editor: Editor,
  stem: string,
  documents: readonly string[],
  isFit: (ghost: string) => boolean | Promise<boolean>,
  command = 'Lacuna: Suggest One Line',
): Promise<[string, string, string]> {
  for (const [number, marked] of documents.entries()) {
    const name = `${stem}${number}.py`;
    await editor.open(name, marked);
    await editor.type(' ');
    await editor.page.keyboard.press('Escape');
    await isIdle(editor.place);
    await editor.command(command);
    const ghost = await editor.ghost().catch(() => '');
    if (await isFit(ghost)) return [name, marked, ghost];
    await editor.page.keyboard.press('Escape');
  }
  throw new Error('none of the documents brings such a suggestion');
}
