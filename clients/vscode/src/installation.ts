/** Installs the server into an environment of this extension, when the user presses the button for it. */

import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import * as vscode from 'vscode';

import { activePython } from './pythonEnvironment.ts';
import { INTERPRETERS, installSteps, VERSION_CHECK, type InstallStep } from './steps.ts';

const run = promisify(execFile);

/** The environment's folder. */
export function ownEnvironment(context: vscode.ExtensionContext): string {
  return join(context.globalStorageUri.fsPath, 'environment');
}

/** Installs with progress that can be cancelled. Returns whether the server is there now. */
export async function install(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Promise<boolean> {
  const python = await findPython();
  if (!python) {
    void vscode.window.showErrorMessage(
      'Lacuna needs Python 3.11, 3.12 or 3.13 with venv and pip; install it, then install the server again.',
    );
    return false;
  }
  const environment = ownEnvironment(context);
  const steps = installSteps(python, environment, await wheelIn(context.extensionPath), {
    platform: process.platform,
    hasNvidiaGpu: existsSync('/proc/driver/nvidia/version'),
  });
  await mkdir(context.globalStorageUri.fsPath, { recursive: true });
  const options = { location: vscode.ProgressLocation.Notification, title: 'Lacuna', cancellable: true };
  return vscode.window.withProgress(options, async (progress, token) => {
    try {
      for (const step of steps) {
        progress.report({ message: step.title });
        await execute(step, log, token).catch((error: unknown) => {
          if (!step.isOptional || token.isCancellationRequested) throw error;
        });
      }
      return true;
    } catch (error) {
      await rm(environment, { recursive: true, force: true }); // half of one would be taken for a server
      if (!token.isCancellationRequested) void tellFailure(error, log);
      return false;
    }
  });
}

async function tellFailure(error: unknown, log: vscode.LogOutputChannel): Promise<void> {
  log.error(error instanceof Error ? error : String(error));
  const message = 'The server was not installed; the log says why.';
  if (await vscode.window.showErrorMessage(message, 'Show Log')) log.show();
}

function execute(step: InstallStep, log: vscode.LogOutputChannel, token: vscode.CancellationToken): Promise<void> {
  log.info([step.command, ...step.args].join(' '));
  return new Promise((resolve, reject) => {
    const child = spawn(step.command, step.args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const link = token.onCancellationRequested(() => child.kill());
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => log.info(text.trimEnd()));
    }
    child.on('error', reject);
    child.on('close', (code) => {
      link.dispose();
      if (code === 0) resolve();
      else reject(new Error(`${step.title} ended with ${code ?? 'a signal'}`));
    });
  });
}

/** An interpreter that will do: the selected one, else one on the PATH. */
async function findPython(): Promise<string | undefined> {
  const selected = await activePython();
  for (const candidate of selected ? [selected, ...INTERPRETERS] : INTERPRETERS) {
    const isFit = await run(candidate, ['-c', VERSION_CHECK]).then(
      () => true,
      () => false,
    );
    if (isFit) return candidate;
  }
  return undefined;
}

async function wheelIn(extension: string): Promise<string> {
  const folder = join(extension, 'server');
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error(`${folder} holds no package of the server.`);
  return join(folder, wheel);
}
