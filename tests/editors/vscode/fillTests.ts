/** Edits: a selection, several gaps, what is uncertain, values of a format. */

import { strict as assert } from 'node:assert';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { until, type Editor } from './editor.ts';
import { isIdle, numAsked } from './engine.ts';

const TOKEN = /^[a-z]{3}-[0-9]{2}-[A-Z]{3}-[0-9]{3}$/;
const SCHEMA = {
  type: 'object',
  properties: {
    level: { enum: ['debug', 'info', 'warning'] },
    port: { type: 'integer', minimum: 1000, maximum: 9999 },
  },
};

export function fillTests(of: () => Editor): void {
  test('a selection is filled, in one undo step', async () => {
    const editor = of();
    const text = 'class Person:\n    def __init__(self, name):\n        self.name = nobody_knows_what_this_is\n';
    await editor.open('selection.py', text.replace('is\n', 'is<|>\n'));
    await editor.page.keyboard.press('Control+Shift+ArrowLeft');
    await editor.command('Lacuna: Fill Selection');
    await editor.isDirty();
    const filled = await editor.saved('selection.py');
    assert.ok(!filled.includes('nobody') && filled.startsWith(text.slice(0, text.indexOf('nobody'))), filled);
    await editor.page.keyboard.press('Control+Z');
    assert.equal(await editor.saved('selection.py'), text);
  });

  test('three marked gaps are filled at once, in one undo step', async () => {
    const editor = of();
    const text = [
      'class Circle:\r\n    def __init__(self, radius):\r\n        self.radius = <FILL>\r\n\r\n',
      '    def area(self):\r\n        return 3.14 * <FILL> ** 2\r\n\r\n',
      "    def __str__(self):\r\n        return '🙂' + <FILL>\r\n",
    ].join('');
    await editor.open('gaps.py', text);
    await editor.command('Lacuna: Fill Marked Gaps');
    await editor.isDirty();
    const filled = await editor.saved('gaps.py');
    const given = text.split('<FILL>').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
    assert.match(filled, new RegExp(`^${given.join('[^]*')}$`));
    assert.ok(!filled.includes('<FILL>'));
    await editor.page.keyboard.press('Control+Z');
    assert.equal(await editor.saved('gaps.py'), text);
  });

  test('what is uncertain in an accepted suggestion is marked and regenerated alone', async () => {
    const editor = of();
    const schema = { properties: { token: { type: 'string', pattern: TOKEN.source } } }; // nobody can be sure of it
    await writeFile(join(editor.place.project, 'token.schema.json'), JSON.stringify(schema));
    await editor.open('token.json', '{\n  "$schema": "./token.schema.json",\n  "token":<|>\n}\n');
    await editor.type(' ');
    await editor.ghost();
    await editor.page.keyboard.press('Tab');
    await editor.noGhost();
    const { token } = JSON.parse(await editor.saved('token.json')) as { token: string };
    assert.match(token, TOKEN);
    await editor.isMarked();
    await isIdle(editor.place);
    const before = await numAsked(editor.place);
    await editor.command('Lacuna: Regenerate Uncertain Spans');
    await until(async () => (await numAsked(editor.place)) > before);
    await isIdle(editor.place);
    assert.match(
      await editor.saved('token.json'),
      /^\{\n {2}"\$schema": ".\/token.schema.json",\n {2}"token": [^]*\n\}\n$/,
    );
    await editor.command('Lacuna: Clear Marks of Uncertain Spans');
    await editor.command('Lacuna: Regenerate Uncertain Spans');
    await editor.says('nothing in this file is marked as uncertain');
  });

  test("a value in a JSON file obeys the file's schema", async () => {
    const editor = of();
    await writeFile(join(editor.place.project, 'server.schema.json'), JSON.stringify(SCHEMA));
    const text = '{\n  "$schema": "./server.schema.json",\n  "level": <|>\n}\n';
    await editor.open('server.json', text);
    await editor.command('Lacuna: Insert Snippet of Format…');
    await editor.pick('What belongs here');
    await editor.isDirty();
    await editor.page.keyboard.press('Escape');
    const { level } = JSON.parse(await editor.saved('server.json')) as {
      level: string;
    };
    assert.ok(SCHEMA.properties.level.enum.includes(level), level);
  });

  test('ghost text in a JSON file obeys it, too, and is accepted word by word', async () => {
    const editor = of();
    const sentence = 'one two three';
    await writeFile(
      join(editor.place.project, 'words.schema.json'),
      JSON.stringify({ properties: { say: { const: sentence } } }),
    );
    await editor.open('words.json', '{\n  "$schema": "./words.schema.json",\n  "say":<|>\n}\n');
    await editor.type(' ');
    assert.equal(await editor.ghost(), JSON.stringify(sentence));
    await editor.page.keyboard.press('Control+ArrowRight');
    await until(async () => (await editor.shownGhost()) !== JSON.stringify(sentence));
    const rest = await editor.ghost();
    assert.ok(JSON.stringify(sentence).endsWith(rest), rest);
    await editor.page.keyboard.press('Tab');
    assert.equal((JSON.parse(await editor.saved('words.json')) as { say: string }).say, sentence);
  });

  test('a snippet obeys a preset and a regular expression that is checked while it is written', async () => {
    const editor = of();
    await editor.open('formats.py', 'released = "<|>\n');
    await editor.command('Lacuna: Insert Snippet of Format…');
    await editor.pick('iso-date');
    await editor.isDirty();
    await editor.page.keyboard.press('Escape');
    await editor.page.keyboard.press('End');
    await editor.command('Lacuna: Insert Snippet of Format…');
    await editor.pick('Regular expression');
    await editor.page.waitForSelector('.quick-input-message:has-text("the whole snippet has to match")');
    const input = editor.page.locator('.quick-input-widget input');
    await input.fill('(ab');
    await editor.page.waitForSelector('.quick-input-message:has-text("Invalid regular expression")');
    await input.fill('-[A-Z]{3}[0-9]{2}');
    await editor.page.waitForSelector('.quick-input-message:has-text("the whole snippet has to match")');
    await input.press('Enter');
    await until(async () => /^released = "\d{4}-\d\d-\d\d-[A-Z]{3}\d\d\n$/.test(await editor.saved('formats.py')));
  });
}
