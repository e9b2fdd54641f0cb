/** Marks of what the denoiser was unsure of in the text that it last put into a document. */

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

import type { Accepted, Uncertain } from './messages.ts';
import { moved, type Span } from './spans.ts';

export class Marks implements vscode.Disposable {
  readonly #spans = new Map<string, readonly Span[]>();
  readonly #decoration = vscode.window.createTextEditorDecorationType({
    backgroundColor: new vscode.ThemeColor('editor.wordHighlightBackground'),
    borderColor: new vscode.ThemeColor('editorWarning.foreground'),
    borderStyle: 'dotted',
    borderWidth: '0 0 2px 0',
    overviewRulerColor: new vscode.ThemeColor('editorWarning.foreground'),
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });

  /** Marks spans in the place of those that were marked in the document before. */
  set(client: LanguageClient, document: vscode.TextDocument, uncertain: readonly Uncertain[]): void {
    const spans = uncertain.map(({ range, confidence }): Span => {
      const place = client.protocol2CodeConverter.asRange(range);
      return { start: document.offsetAt(place.start), end: document.offsetAt(place.end), confidence };
    });
    this.#keep(document, spans);
  }

  /** Marks what is uncertain in a suggestion that was accepted just now. */
  accepted(client: LanguageClient, { textDocument, uncertain }: Accepted): void {
    const document = vscode.window.activeTextEditor?.document;
    if (document && client.code2ProtocolConverter.asUri(document.uri) === textDocument.uri) {
      this.set(client, document, uncertain ?? []);
    }
  }

  /** What is marked in a document. */
  of(document: vscode.TextDocument): vscode.Range[] {
    return this.#spansOf(document).map((span) => rangeOf(document, span));
  }

  clear(document: vscode.TextDocument): void {
    this.#keep(document, []);
  }

  readonly edited = ({ document, contentChanges }: vscode.TextDocumentChangeEvent): void => {
    const spans = this.#spansOf(document);
    if (spans.length && contentChanges.length) this.#keep(document, moved(spans, contentChanges));
  };

  readonly closed = (document: vscode.TextDocument): void => {
    this.#spans.delete(document.uri.toString());
  };

  /** Draws the marks of editors that have come into view. */
  readonly draw = (editors: readonly vscode.TextEditor[]): void => {
    for (const editor of editors) {
      const { document } = editor;
      const options = this.#spansOf(document).map((span) => ({
        range: rangeOf(document, span),
        hoverMessage: hover(span.confidence),
      }));
      editor.setDecorations(this.#decoration, options);
    }
  };

  dispose(): void {
    this.#decoration.dispose();
  }

  #spansOf(document: vscode.TextDocument): readonly Span[] {
    return this.#spans.get(document.uri.toString()) ?? [];
  }

  #keep(document: vscode.TextDocument, spans: readonly Span[]): void {
    this.#spans.set(document.uri.toString(), spans);
    this.draw(vscode.window.visibleTextEditors.filter((editor) => editor.document === document));
  }
}

function rangeOf(document: vscode.TextDocument, { start, end }: Span): vscode.Range {
  return new vscode.Range(document.positionAt(start), document.positionAt(end));
}

function hover(confidence: number): vscode.MarkdownString {
  const commands = ['lacuna.action.regenerate', 'lacuna.action.forgetUncertain'];
  const text = new vscode.MarkdownString(
    `Lacuna was ${Math.round(100 * confidence)} % sure of this. ` +
      `[Regenerate what is uncertain](command:${commands[0]}) · [Clear the marks](command:${commands[1]})`,
  );
  text.isTrusted = { enabledCommands: commands };
  return text;
}
