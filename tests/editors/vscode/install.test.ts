/** A new user, from a clean home, on a machine without the server, who does what the README says under Install. */

import { strict as assert } from 'node:assert';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Editor, EXTENSION, README, until } from './editor.ts';
import { Workplace } from './workplace.ts';

const INSTALL_PATIENCE = 900_000;

let editor: Editor;

before(async () => {
  editor = await Editor.start(await Workplace.make({}, false), { isInstalled: false });
});

after(async () => {
  await editor.stop();
  await editor.place.remove();
});

test('the extension is installed from its file, by the menu that the README names', async () => {
  const [, entry] = /Extensions view, `…`, \*\*(.+)…\*\*/.exec(await readFile(README, 'utf8')) ?? [];
  assert.ok(entry);
  await editor.command(`Extensions: ${entry}...`);
  await editor.name(EXTENSION, entry);
  await until(async () => /^lacuna\.lacuna@/m.test(await editor.extensions()));
});

test('without a server there is one message, with a button, and the editor is usable', async () => {
  await editor.says('Lacuna needs its server');
  assert.equal(await editor.page.locator('.notification-toast:has-text("Lacuna:")').count(), 1);
  await editor.open('usable.py', 'x =<|>\n');
  await editor.type(' 1');
  assert.equal(await editor.saved('usable.py'), 'x = 1\n');
});

const skip = process.env.LACUNA_TEST_INSTALL ? false : 'it takes minutes; set LACUNA_TEST_INSTALL';

test('the button installs it, and ghost text comes', { skip }, async () => {
  await editor.page.locator('.notification-toast .monaco-button:has-text("Install")').click();
  const command = 'data/User/globalStorage/lacuna.lacuna/environment/bin/lacuna';
  await until(
    () =>
      access(join(editor.place.folder, command)).then(
        () => true,
        () => false,
      ),
    INSTALL_PATIENCE,
  );
  await until(async () => (await editor.status()).startsWith('Lacuna is ready'), INSTALL_PATIENCE);
  await editor.open('person.py', 'class Person:\n    def __init__(self, name):\n        self.name =<|>\n');
  await editor.type(' ');
  assert.notEqual(await editor.ghost(), '');
});
