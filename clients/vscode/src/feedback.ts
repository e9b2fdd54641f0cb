/** Tells the server what became of suggestions, as far as the stable API lets us see it. */

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

import { accepted, rejected, shown } from './messages.ts';
import { judge } from './verdict.ts';

interface Offered {
  readonly uri: string;
  readonly offset: number;
  /** With line feeds only. */
  readonly rest: string;
}

export class Feedback {
  #offered: Offered | undefined;
  readonly #client: () => LanguageClient | undefined;

  constructor(client: () => LanguageClient | undefined) {
    this.#client = client;
  }

  /** Notes what VS Code was given to show; what is left of a suggestion that is being typed is nothing new. */
  offered(document: vscode.TextDocument, position: vscode.Position, text: string): void {
    const before = this.#offered;
    const now = { uri: document.uri.toString(), offset: document.offsetAt(position), rest: text };
    this.#offered = now;
    if (before?.uri === now.uri && before.offset === now.offset && before.rest === now.rest) return;
    void this.#client()?.sendNotification(shown, { textDocument: { uri: now.uri } });
  }

  /** Looks at an edit for what it says of the suggestion; a whole one is told by its own command. */
  readonly edited = ({ document, contentChanges }: vscode.TextDocumentChangeEvent): void => {
    const offered = this.#offered;
    const [change, ...others] = contentChanges;
    if (offered?.uri !== document.uri.toString() || !change) return;
    const isThere = !others.length && change.rangeOffset === offered.offset;
    const verdict = isThere && change.text ? judge(offered.rest, change.text) : 'rejected';
    const textDocument = { uri: offered.uri };
    const offset = offered.offset + change.text.length;
    if (verdict === 'partly' || verdict === 'typed') {
      const length = verdict === 'typed' ? 1 : change.text.replaceAll('\r\n', '\n').length;
      this.#offered = {
        ...offered,
        offset: verdict === 'typed' ? offered.offset + 1 : offset,
        rest: offered.rest.slice(length),
      };
      if (verdict === 'partly') void this.#client()?.sendNotification(accepted, { textDocument, length });
    } else {
      this.#offered = undefined;
      if (verdict === 'rejected') void this.#client()?.sendNotification(rejected, { textDocument });
    }
  };
}
