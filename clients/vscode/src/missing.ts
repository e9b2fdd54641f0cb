/** The one message for a user who has no server yet. */

import * as vscode from 'vscode';

import type { Missing } from './discovery.ts';

/** Tells what is missing, with buttons that put it right. */
export async function offerServer(found: Missing): Promise<void> {
  const buttons = found.isSetting ? ['Open Setting'] : ['Install', 'Choose…'];
  const chosen = await vscode.window.showWarningMessage(`Lacuna: ${found.problem}`, ...buttons);
  if (chosen === 'Install') await vscode.commands.executeCommand('lacuna.action.install');
  else if (chosen) await vscode.commands.executeCommand('workbench.action.openSettings', 'lacuna.server.path');
}
