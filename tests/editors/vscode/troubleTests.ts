/** What may go wrong: processes that are killed, a model that is not there, files that are left alone. */

import { strict as assert } from 'node:assert';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { LOADING_PATIENCE, until, type Editor } from './editor.ts';
import { isIdle, numAsked } from './engine.ts';

const PERSON = 'class Person:\n    def __init__(self, name):\n        self.name =<|>\n';

export function troubleTests(of: () => Editor): void {
  test('a server that was killed is restarted, and the next suggestion comes', async () => {
    const editor = of();
    await editor.open('killed.py', PERSON);
    const [killed] = await processes(editor, 'serve');
    assert.ok(killed);
    process.kill(killed, 'SIGKILL');
    await until(async () => (await processes(editor, 'serve')).some((pid) => pid !== killed));
    await editor.isReady();
    await editor.type(' ');
    await editor.firstGhost(); // what is typed before the server is ready is not answered
  });

  test('an engine that was killed is replaced', async () => {
    const editor = of();
    await editor.open('engine.py', PERSON.replace('Person', 'House'));
    for (const pid of await processes(editor, 'engine')) process.kill(pid, 'SIGKILL');
    await editor.type(' ');
    await until(async () => !(await editor.status()).startsWith('Lacuna is ready'));
    await editor.isReady();
    await editor.command('Lacuna: Suggest Here');
    assert.notEqual(await editor.ghost(), '');
    await editor.page.keyboard.press('Escape');
  });

  test('a paused file is left alone until it is not paused any more', async () => {
    const editor = of();
    await editor.open('paused.py', PERSON.replace('Person', 'Pause'));
    await editor.command('Lacuna: Show Menu');
    await editor.pick('Pause in this file');
    await until(async () => (await editor.status()).includes('paused for this file'));
    const before = await numAsked(editor.place);
    await editor.type(' ');
    await isIdle(editor.place);
    assert.equal(await numAsked(editor.place), before);
    await editor.command('Lacuna: Show Menu');
    await editor.pick('Go on in this file');
    await editor.isReady();
    await editor.type('n');
    await until(async () => (await numAsked(editor.place)) > before);
    await editor.page.keyboard.press('Escape');
  });

  test('a reason is given when nothing was suggested', async () => {
    const editor = of();
    await editor.open('why.py', 'x<|>\n');
    await editor.type(' =');
    await until(async () => (await editor.status()).includes('Nothing was suggested'));
    await editor.command('Lacuna: Explain Why Nothing Was Suggested');
    await editor.says('the document is too short');
    await editor.dismiss();
  });

  test('without a model there is one message, and the editor is as usable as before', async () => {
    const editor = of();
    const missing = join(editor.place.folder, 'no-such-model');
    await editor.place.set({ 'lacuna.engine.checkpoint': missing });
    await editor.says(missing, LOADING_PATIENCE);
    await until(async () => (await editor.status()).includes(missing));
    await editor.open('usable.py', PERSON);
    await editor.type(' name');
    assert.equal(await editor.saved('usable.py'), PERSON.replace('<|>', ' name'));
    assert.equal(await editor.page.locator('.notification-toast').count(), 1);
    await editor.dismiss();
    await editor.place.set({});
    await editor.isReady();
    await editor.command('Lacuna: Suggest Here');
  });

  test('a setting that names no server is told, and the next one is tried', async () => {
    const editor = of();
    await editor.place.set({
      'lacuna.server.path': join(editor.place.folder, 'none'),
    });
    await editor.says('lacuna.server.path names');
    await editor.dismiss();
    await editor.place.set({});
    await editor.isReady();
  });
}

/** Processes of the workplace that run a subcommand of ours. */
async function processes(editor: Editor, subcommand: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [environment, line] = await Promise.all(
        ['environ', 'cmdline'].map((name) => readFile(join('/proc', pid, name), 'utf8').catch(() => '')),
      );
      const isOurs = environment?.includes(editor.place.runtime) && line?.includes(`lacuna\0${subcommand}\0`);
      return isOurs ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}
