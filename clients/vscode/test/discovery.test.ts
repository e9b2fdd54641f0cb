import { strict as assert } from 'node:assert';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';

import { commandsOf, findServer, type Places } from '../src/discovery.ts';

const NAME = process.platform === 'win32' ? 'lacuna.exe' : 'lacuna';

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacuna-'));
  for (const name of ['python/bin', 'one', 'two', 'own/bin', 'own/Scripts', 'plain']) {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, NAME), '');
    await chmod(join(folder, name, NAME), name === 'plain' ? 0o644 : 0o755);
  }
});

after(() => rm(folder, { recursive: true }));

const at = (...names: string[]): string => join(folder, ...names);

const NOWHERE = { setting: '', python: undefined, path: '', own: '/nowhere' };

async function check(places: () => Partial<Places>, command: string[] | RegExp): Promise<void> {
  const found = await findServer({ ...NOWHERE, ...places() });
  if (command instanceof RegExp) assert.match('problem' in found ? found.problem : found.command, command);
  else assert.equal('command' in found && found.command, at(...command));
}

test('the setting prevails', () =>
  check(() => ({ setting: at('two', NAME), python: at('python', 'bin', 'python') }), ['two', NAME]));
test('a setting that is wrong is not passed over', () =>
  check(() => ({ setting: at('none'), path: at('one') }), /^lacuna\.server\.path names .*none/));
test('a file that cannot be run is no command', { skip: process.platform === 'win32' }, () =>
  check(() => ({ setting: at('plain', NAME) }), /cannot be run/),
);
test('the Python environment goes before the PATH', () =>
  check(() => ({ python: at('python', 'bin', 'python'), path: at('one') }), ['python', 'bin', NAME]));
test('the PATH is searched in its order', () =>
  check(
    () => ({ python: '/usr/none/python', path: [at('none'), '', at('one'), at('two')].join(delimiter) }),
    ['one', NAME],
  ));
test('the own environment comes last', async () => {
  const command = join(commandsOf(at('own')), NAME)
    .slice(folder.length + 1)
    .split(/[\\/]/);
  await check(() => ({ own: at('own') }), command);
});
test('without any there is a sentence that says what to do', () => check(() => ({}), /install it\.$/));
