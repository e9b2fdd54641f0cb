/** Commands that tell what the server is doing: its status, and why nothing was suggested. */

import * as vscode from 'vscode';

import { status } from './messages.ts';
import type { Pauses } from './pauses.ts';
import { lastReason } from './reasons.ts';
import { reportPage } from './report.ts';
import type { Server } from './server.ts';

const SCHEME = 'lacuna-status';
const PAGE = vscode.Uri.parse(`${SCHEME}:Lacuna.md`);

/** Shows the page that `showStatus` opens. */
export class StatusPage implements vscode.TextDocumentContentProvider {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #server: Server;
  readonly #command: () => string;

  /** @param command - Tells which command runs. */
  constructor(server: Server, command: () => string) {
    this.#server = server;
    this.#command = command;
  }

  register(): vscode.Disposable {
    return vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  async provideTextDocumentContent(): Promise<string> {
    const report = await this.#server.client?.sendRequest(status);
    return report ? reportPage(report, this.#command()) : `# Lacuna\n\n${this.#server.condition.message}\n`;
  }

  readonly show = async (): Promise<void> => {
    this.#changed.fire(PAGE); // an open page is read anew
    await vscode.commands.executeCommand('markdown.showPreview', PAGE);
  };
}

/** Tells why the last request in the active editor brought nothing. */
export async function explain(server: Server, pauses: Pauses): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (!document) return;
  void vscode.window.showInformationMessage(`Lacuna: ${await explanation(server, pauses, document)}`);
}

async function explanation(server: Server, pauses: Pauses, document: vscode.TextDocument): Promise<string> {
  const { client, condition } = server;
  if (!client || condition.state === 'error') return condition.message;
  if (pauses.isFilePaused(document.uri)) return "this file is paused; the status bar's menu goes on with it.";
  const last = lastReason(await client.sendRequest(status), document.uri.toString());
  if (!last) return 'every request in this file brought a suggestion so far.';
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - last.time));
  return `${last.message} (${seconds} s ago).`;
}
