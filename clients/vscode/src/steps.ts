/** How the server is installed: which commands are run, one after the other. */

import { join } from 'node:path';

import { commandsOf } from './discovery.ts';

export interface InstallStep {
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Whether it goes on without it. */
  readonly isOptional?: boolean;
}

export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly hasNvidiaGpu: boolean;
}

/** PyTorch's own index: its builds for the CPU lack gigabytes of libraries for GPUs. Not every network reaches it. */
const CPU_INDEX = 'https://download.pytorch.org/whl/cpu';

/**
 * The steps from a Python interpreter to an environment with the server in it.
 *
 * @param python - Python 3.11 to 3.13.
 * @param environment - Folder to make; what was there before goes.
 * @param wheel - The server's package, which this extension brings along.
 */
export function installSteps(python: string, environment: string, wheel: string, machine: Machine): InstallStep[] {
  const inside = join(commandsOf(environment), machine.platform === 'win32' ? 'python.exe' : 'python');
  const install = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input'];
  const torch = [...install, '--retries', '1', '--index-url', CPU_INDEX, 'torch'];
  const wantsCpuBuild = machine.platform === 'linux' && !machine.hasNvidiaGpu;
  return [
    { title: 'making a Python environment', command: python, args: ['-m', 'venv', '--clear', environment] },
    ...(wantsCpuBuild ? [{ title: 'installing PyTorch', command: inside, args: torch, isOptional: true }] : []),
    { title: 'installing packages, which takes minutes', command: inside, args: [...install, wheel] },
    { title: 'trying the server', command: join(commandsOf(environment), 'lacuna'), args: ['--version'] },
  ];
}

/** Names that an interpreter may have, the best first. */
export const INTERPRETERS = ['python3.13', 'python3.12', 'python3.11', 'python3', 'python'];

/** A program for an interpreter that fails where its version is not one of ours. */
export const VERSION_CHECK = 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))';
