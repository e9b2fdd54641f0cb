/** Edits that fill a selection, all marked gaps, or what is uncertain: one request and one undo step each. */

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

import type { Marks } from './marks.ts';
import { fillGaps, fillSelection, type Filled } from './messages.ts';
import type { Running } from './running.ts';
import type { Server } from './server.ts';

const MARKER = '<FILL>';

export class Fills {
  readonly #server: Server;
  readonly #marks: Marks;
  readonly #running: Running;

  constructor(server: Server, marks: Marks, running: Running) {
    this.#server = server;
    this.#marks = marks;
    this.#running = running;
  }

  /** Puts another text in the place of the selection, or fills the gap at the cursor. */
  readonly selection = async (): Promise<void> => {
    const ranges = vscode.window.activeTextEditor?.selections ?? [];
    const [only] = ranges;
    await this.#ranges(ranges.length === 1 && only ? [only] : ranges);
  };

  /** Puts other texts in the places that are marked as uncertain, and leaves the rest as it is. */
  readonly uncertain = async (): Promise<void> => {
    const document = vscode.window.activeTextEditor?.document;
    const ranges = document ? this.#marks.of(document) : [];
    if (ranges.length) await this.#ranges(ranges);
    else tell('nothing in this file is marked as uncertain.');
  };

  /** Fills all places that are marked. */
  readonly gaps = (): Promise<void> =>
    this.#fill((client, document, token) => {
      const textDocument = client.code2ProtocolConverter.asTextDocumentIdentifier(document);
      return client.sendRequest(fillGaps, { textDocument }, token);
    });

  /** Marks a gap at every cursor, in the place of what is selected. */
  readonly mark = async (): Promise<void> => {
    const editor = vscode.window.activeTextEditor;
    await editor?.edit((edit) => editor.selections.forEach((selection) => edit.replace(selection, MARKER)));
  };

  #ranges(ranges: readonly vscode.Range[]): Promise<void> {
    return this.#fill((client, document, token) => {
      const converter = client.code2ProtocolConverter;
      const textDocument = converter.asTextDocumentIdentifier(document);
      const places = ranges.map((range) => converter.asRange(range));
      const [only] = places;
      const where = places.length === 1 && only ? { range: only } : { ranges: places };
      return client.sendRequest(fillSelection, { textDocument, ...where }, token);
    });
  }

  async #fill(
    ask: (client: LanguageClient, document: vscode.TextDocument, token: vscode.CancellationToken) => Promise<Filled>,
  ): Promise<void> {
    const client = this.#server.client;
    const document = vscode.window.activeTextEditor?.document;
    if (!client) return void tell(this.#server.condition.message || 'the server is starting; try again in a moment.');
    if (!document) return;
    const { version } = document;
    const filled = await this.#running.run((token) => ask(client, document, token)).catch(() => undefined);
    if (!filled) return; // cancelled
    if (!filled.edit) return void tell(filled.message);
    if (document.version !== version) return void tell('the file was edited meanwhile; ask again.');
    await vscode.workspace.applyEdit(await client.protocol2CodeConverter.asWorkspaceEdit(filled.edit));
    this.#marks.set(client, document, filled.uncertain ?? []);
  }
}

function tell(message: string): vscode.Disposable {
  return vscode.window.setStatusBarMessage(`Lacuna: ${message}`, 8000);
}
