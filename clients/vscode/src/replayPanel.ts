/** The denoising view: replays the last fill of the active document, or of any. */

import { randomBytes } from 'node:crypto';

import * as vscode from 'vscode';

import { replay, type Replay } from './messages.ts';
import { replayHtml } from './replayHtml.ts';
import type { Server } from './server.ts';

export class ReplayPanel implements vscode.Disposable {
  #panel: vscode.WebviewPanel | undefined;
  /** What the panel shows. */
  #shown = '';
  readonly #server: Server;
  readonly #extension: vscode.Uri;

  /** @param extension - Folder of this extension, with the page's script and style in it. */
  constructor(server: Server, extension: vscode.Uri) {
    this.#server = server;
    this.#extension = extension;
  }

  /** Shows the last fill, in a panel that is there already or in a new one. */
  readonly show = async (): Promise<void> => {
    const { client } = this.#server;
    const document = vscode.window.activeTextEditor?.document;
    const textDocument = client && document && client.code2ProtocolConverter.asTextDocumentIdentifier(document);
    const found =
      (textDocument && (await client.sendRequest(replay, { textDocument }))) ?? (await client?.sendRequest(replay, {}));
    if (!found) {
      void vscode.window.showInformationMessage('Lacuna: nothing was filled yet; watch again after a suggestion.');
      return;
    }
    this.#shown = await this.#page(found);
    this.#panel ??= this.#open();
    this.#panel.webview.html = this.#shown;
    this.#panel.reveal();
  };

  dispose(): void {
    this.#panel?.dispose();
  }

  #open(): vscode.WebviewPanel {
    const options = { enableScripts: true, localResourceRoots: [] };
    const panel = vscode.window.createWebviewPanel(
      'lacuna.replay',
      'Watch it denoise',
      vscode.ViewColumn.Active,
      options,
    );
    panel.onDidDispose(() => (this.#panel = undefined));
    panel.webview.onDidReceiveMessage((message) => (message === 'export' ? this.#export() : undefined));
    return panel;
  }

  async #page(found: Replay): Promise<string> {
    const [script, style] = await Promise.all([this.#read('page.js'), this.#read('page.css')]);
    return replayHtml(found, script, style, randomBytes(16).toString('base64'));
  }

  async #read(name: string): Promise<string> {
    const file = vscode.Uri.joinPath(this.#extension, 'dist', name);
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
  }

  async #export(): Promise<void> {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
    const target = await vscode.window.showSaveDialog({
      title: 'Export the replay; the file holds the code around the gaps',
      filters: { HTML: ['html'] },
      ...(folder && { defaultUri: vscode.Uri.joinPath(folder, 'denoising.html') }),
    });
    if (target) await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(this.#shown));
  }
}
