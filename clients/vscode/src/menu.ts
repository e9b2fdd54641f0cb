/** The menu behind the status bar item. */

import * as vscode from 'vscode';

import type { Pauses } from './pauses.ts';
import type { Server } from './server.ts';

interface Entry extends vscode.QuickPickItem {
  readonly run?: () => Thenable<unknown>;
}

/** Shows the menu, and does what was picked. */
export async function showMenu(server: Server, pauses: Pauses): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const entries: Entry[] = [
    {
      label: pauses.isAutomatic() ? '$(debug-pause) Suggest only when asked' : '$(play) Suggest while typing',
      run: () => pauses.toggleAutomatic(),
    },
    ...(document ? pausesOf(document, pauses) : []),
    { label: 'fill', kind: vscode.QuickPickItemKind.Separator },
    command('$(question) Why was nothing suggested?', 'why'),
    command('$(debug-line-by-line) Watch the last fill denoise', 'watch'),
    command('$(json) Insert a snippet of a format…', 'snippet'),
    { label: 'server', kind: vscode.QuickPickItemKind.Separator },
    command('$(info) Show status', 'status'),
    command('$(debug-restart) Restart', 'restart'),
    command('$(output) Show log', 'log'),
    { label: '$(gear) Settings', run: () => vscode.commands.executeCommand('workbench.action.openSettings', 'lacuna') },
  ];
  const { state, message } = server.condition;
  const options = { title: `Lacuna: ${state === 'error' ? message : state}`, placeHolder: 'What to do' };
  await (await vscode.window.showQuickPick(entries, options))?.run?.();
}

function pausesOf(document: vscode.TextDocument, pauses: Pauses): Entry[] {
  const { languageId, uri } = document;
  const isOn = pauses.isLanguageOn(document);
  const isPaused = pauses.isFilePaused(uri);
  return [
    {
      label: isOn ? `$(debug-pause) Pause for ${languageId}` : `$(play) Go on for ${languageId}`,
      run: () => pauses.toggleLanguage(document),
    },
    {
      label: isPaused ? '$(play) Go on in this file' : '$(debug-pause) Pause in this file',
      run: () => pauses.toggleFile(uri),
    },
  ];
}

function command(label: string, name: string): Entry {
  return { label, run: () => vscode.commands.executeCommand(`lacuna.action.${name}`) };
}
