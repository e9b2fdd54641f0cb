/** Inserts a value of a format that the user picks: the document's own, a preset, a schema, a regular expression. */

import * as vscode from 'vscode';

import { mistakeIn, PRESETS } from './formats.ts';
import { snippet, type Constraint } from './messages.ts';
import type { Running } from './running.ts';
import type { Server } from './server.ts';

interface Choice extends vscode.QuickPickItem {
  /** The format; null: what the document says belongs there; undefined: the user changed their mind. */
  readonly choose?: () => Promise<Constraint | null | undefined>;
}

const OF_THE_DOCUMENT: Choice = {
  label: '$(symbol-structure) What belongs here',
  description: "by the document's JSON Schema",
  choose: () => Promise.resolve(null),
};

const CHOICES: readonly Choice[] = [
  { label: '$(regex) Regular expression…', description: 'write one', choose: askForExpression },
  { label: '$(file-code) JSON Schema…', description: 'from a file', choose: askForSchema },
  { label: 'presets', kind: vscode.QuickPickItemKind.Separator },
  ...PRESETS.map(({ name, description }): Choice => {
    return { label: name, description, choose: () => Promise.resolve({ preset: name }) };
  }),
];

/** Asks for a format and puts a value of it in the place of the selection; what is uncertain becomes tab stops. */
export async function insertSnippet(server: Server, running: Running): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const client = server.client;
  if (!editor || !client) return;
  const { document, selection } = editor;
  const choices = document.languageId.startsWith('json') ? [OF_THE_DOCUMENT, ...CHOICES] : CHOICES;
  const options = { title: 'Insert a snippet of format', placeHolder: 'Format', matchOnDescription: true };
  const constraint = await (await vscode.window.showQuickPick(choices, options))?.choose?.();
  if (constraint === undefined) return;
  const converter = client.code2ProtocolConverter;
  const params = {
    textDocument: converter.asTextDocumentIdentifier(document),
    range: converter.asRange(selection),
    constraint,
    snippets: true as const,
  };
  const { version } = document;
  const made = await running.run((token) => client.sendRequest(snippet, params, token)).catch(() => undefined);
  if (!made) return; // cancelled
  if (!made.range) return void vscode.window.showWarningMessage(`Lacuna: ${made.message}`);
  if (document.version !== version) return;
  await editor.insertSnippet(
    new vscode.SnippetString(made.insertText),
    client.protocol2CodeConverter.asRange(made.range),
  );
}

async function askForExpression(): Promise<Constraint | undefined> {
  const regex = await vscode.window.showInputBox({
    title: 'Insert a snippet of format',
    prompt: 'Regular expression that the whole snippet has to match',
    placeHolder: String.raw`[A-Z]{3}-\d{4}`,
    validateInput: mistakeIn,
  });
  return regex === undefined ? undefined : { regex };
}

async function askForSchema(): Promise<Constraint | undefined> {
  const filters = { 'JSON Schema': ['json'] };
  const [file] = (await vscode.window.showOpenDialog({ title: 'JSON Schema of the snippet', filters })) ?? [];
  if (!file) return undefined;
  try {
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
    return { schema: JSON.parse(text) as unknown };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    void vscode.window.showWarningMessage(`Lacuna: ${file.fsPath} is no JSON Schema: ${message}`);
    return undefined;
  }
}
