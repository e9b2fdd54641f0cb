/** A folder that is not trusted: neither its settings nor its programs decide what is run, and the rest works. */

import { strict as assert } from 'node:assert';
import { access, chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Editor, LOADING_PATIENCE, until } from './editor.ts';
import { Workplace } from './workplace.ts';

const PERSON = 'class Person:\n    def __init__(self, name):\n        self.name =<|>\n';

/** The dialog at the start would hide the editor; that the folder is not trusted is all that matters. */
const SETTINGS = { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' };

let editor: Editor;

/** What the folder's own server leaves behind. */
let trace: string;

before(async () => {
  const place = await Workplace.make(SETTINGS);
  const command = join(place.project, 'lacuna');
  trace = join(place.folder, 'trace');
  await writeFile(command, `#!/bin/sh\ntouch '${trace}'\nexec lacuna "$@"\n`);
  await chmod(command, 0o755);
  await mkdir(join(place.project, '.vscode'));
  await writeFile(
    join(place.project, '.vscode', 'settings.json'),
    JSON.stringify({ 'lacuna.server.path': command, 'lacuna.length': 'line' }),
  );
  editor = await Editor.start(place, { isTrusted: false });
});

after(async () => {
  await editor.stop();
  await editor.place.remove();
});

test('in a folder that is not trusted, ghost text comes from the server of the user', async () => {
  await editor.page.waitForSelector('.statusbar-item:has-text("Restricted Mode")');
  await editor.isReady();
  await editor.open('person.py', PERSON);
  await editor.firstGhost();
  assert.equal(await wasRun(), false);
});

test('once the folder is trusted, its settings hold', async () => {
  await editor.command('Workspaces: Manage Workspace Trust');
  await editor.page.locator('.workspace-trust-editor .monaco-button:has-text("Trust")').first().click();
  await until(wasRun, LOADING_PATIENCE);
  await editor.isReady();
});

function wasRun(): Promise<boolean> {
  return access(trace).then(
    () => true,
    () => false,
  );
}
