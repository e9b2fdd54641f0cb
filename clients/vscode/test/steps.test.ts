import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { installSteps, VERSION_CHECK } from '../src/steps.ts';

const CASES: [platform: NodeJS.Platform, hasNvidiaGpu: boolean, isCpuBuild: boolean][] = [
  ['linux', false, true],
  ['linux', true, false],
  ['darwin', false, false],
  ['win32', false, false],
];

for (const [platform, hasNvidiaGpu, isCpuBuild] of CASES) {
  test(`on ${platform} ${hasNvidiaGpu ? 'with' : 'without'} a GPU the right build of torch is installed`, () => {
    const steps = installSteps('python3', '/own', '/extension/lacuna.whl', { platform, hasNvidiaGpu });
    const [environment, torch] = steps;
    const [packages, trial] = steps.slice(-2);
    assert.deepEqual(environment?.args, ['-m', 'venv', '--clear', '/own']);
    assert.equal(torch?.isOptional ?? false, isCpuBuild);
    assert.equal(torch?.args.at(-1), isCpuBuild ? 'torch' : '/extension/lacuna.whl');
    assert.equal(packages?.args.at(-1), '/extension/lacuna.whl');
    assert.deepEqual(trial?.args, ['--version']);
  });
}

test('the check of the version is a program that Python runs', (context) => {
  try {
    execFileSync('python3', ['--version']);
  } catch {
    context.skip('there is no python3');
    return;
  }
  const program = JSON.stringify(VERSION_CHECK);
  const check = `try:\n exec(${program})\nexcept (SystemExit, ImportError) as end:\n print(type(end).__name__)`;
  assert.match(execFileSync('python3', ['-c', check], { encoding: 'utf8' }), /SystemExit|ImportError/);
});
