/** Ghost text: what VS Code asks for, what the user asked for by a command, and alternatives to what is shown. */

import * as vscode from 'vscode';
import type { Middleware } from 'vscode-languageclient';
import type { LanguageClient } from 'vscode-languageclient/node';

import type { Feedback } from './feedback.ts';
import { alternatives, complete, type Length, type Suggested } from './messages.ts';
import type { Pauses } from './pauses.ts';
import type { Running } from './running.ts';

const NUM_ALTERNATIVES = 4;

type Items = vscode.InlineCompletionItem[];

type Next = Parameters<NonNullable<Middleware['provideInlineCompletionItems']>>[4];

/** Where in which state of a document; a file that is opened again is another document and begins its versions anew. */
interface Place {
  readonly document: vscode.TextDocument;
  readonly version: number;
  readonly position: vscode.Position;
}

interface Answer {
  readonly place: Place;
  readonly items: Items;
  readonly hasAlternatives: boolean;
}

export class Suggestions {
  #wish: { readonly place: Place; readonly length: Length } | undefined;
  #answer: Answer | undefined;

  readonly #client: () => LanguageClient | undefined;
  readonly #pauses: Pauses;
  readonly #feedback: Feedback;
  readonly #running: Running;

  constructor(client: () => LanguageClient | undefined, pauses: Pauses, feedback: Feedback, running: Running) {
    this.#client = client;
    this.#pauses = pauses;
    this.#feedback = feedback;
    this.#running = running;
  }

  /** Shows a suggestion of a given length at the cursor. */
  async show(length?: Length): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (!editor) return;
    if (length) this.#wish = { place: placeOf(editor.document, editor.selection.active), length };
    await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
  }

  /**
   * Stands between VS Code and the server.
   *
   * A place that was answered is answered alike, so that a block which was asked for is not replaced by a line. Whoever
   * asks for more there, by VS Code's own keys or by pointing at the ghost text, gets alternatives besides.
   */
  readonly provide = async (
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
    next: Next,
  ): Promise<Items> => {
    const isAutomatic = context.triggerKind === vscode.InlineCompletionTriggerKind.Automatic;
    if (isAutomatic && (this.#pauses.isFilePaused(document.uri) || hasSeveralCursors(document))) return [];
    const place = placeOf(document, position);
    const wish = isSame(this.#wish?.place, place) ? this.#wish : undefined;
    this.#wish = undefined;
    const isKnown = isSame(this.#answer?.place, place) && !context.selectedCompletionInfo && !wish;
    const known = isKnown ? this.#answer : undefined;
    if (known && (isAutomatic || known.hasAlternatives)) return known.items;

    const items = await this.#running.run(async (inner) => {
      if (wish) return this.#asked(await this.#complete(document, position, wish.length, inner), inner);
      if (known) return joined(known.items, await this.#alternatives(document, position, inner));
      return listed(await next(document, position, context, inner));
    }, token);
    if (items.length && !context.selectedCompletionInfo) {
      this.#answer = { place, items, hasAlternatives: known !== undefined };
    }
    const [first] = items;
    if (first && !token.isCancellationRequested) this.#feedback.offered(document, position, textOf(first));
    return items;
  };

  async #complete(
    document: vscode.TextDocument,
    position: vscode.Position,
    length: Length,
    token: vscode.CancellationToken,
  ): Promise<Suggested | undefined> {
    const client = this.#client();
    return client?.sendRequest(complete, { ...at(client, document, position), length }, token);
  }

  async #alternatives(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<Items> {
    const client = this.#client();
    if (!client) return [];
    const params = { ...at(client, document, position), count: NUM_ALTERNATIVES };
    return this.#asked(await client.sendRequest(alternatives, params, token), token);
  }

  async #asked(suggested: Suggested | undefined, token: vscode.CancellationToken): Promise<Items> {
    if (!suggested) return [];
    if (!suggested.items.length) vscode.window.setStatusBarMessage(`Lacuna: ${suggested.message}`, 5000);
    return listed(await this.#client()?.protocol2CodeConverter.asInlineCompletionResult([...suggested.items], token));
  }
}

function at(client: LanguageClient, document: vscode.TextDocument, position: vscode.Position) {
  const converter = client.code2ProtocolConverter;
  return {
    textDocument: converter.asTextDocumentIdentifier(document),
    position: converter.asPosition(position),
  };
}

function placeOf(document: vscode.TextDocument, position: vscode.Position): Place {
  return { document, version: document.version, position };
}

function isSame(one: Place | undefined, other: Place): boolean {
  return one?.document === other.document && one.version === other.version && one.position.isEqual(other.position);
}

function hasSeveralCursors(document: vscode.TextDocument): boolean {
  return vscode.window.visibleTextEditors.some(
    (editor) => editor.document === document && editor.selections.length > 1,
  );
}

function textOf(item: vscode.InlineCompletionItem): string {
  return typeof item.insertText === 'string' ? item.insertText : item.insertText.value;
}

function listed(found: Items | vscode.InlineCompletionList | null | undefined): Items {
  return Array.isArray(found) ? found : (found?.items ?? []);
}

function joined(shown: Items, others: Items): Items {
  const known = new Set(shown.map(textOf));
  return [...shown, ...others.filter((item) => !known.has(textOf(item)))];
}
