/** What the user does not want to be completed by itself: everything, a language, or one file. */

import * as vscode from 'vscode';

const KEY = 'pausedFiles';

export class Pauses {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #state: vscode.Memento;

  /** Fires when a file was paused or is completed again. */
  readonly onDidChange = this.#changed.event;

  /** @param state - Keeps the files. */
  constructor(state: vscode.Memento) {
    this.#state = state;
  }

  /** What is paused for a document, for people; undefined where it is completed. */
  reason(document: vscode.TextDocument): string | undefined {
    if (!this.isLanguageOn(document)) return `paused for ${document.languageId}`;
    if (this.isFilePaused(document.uri)) return 'paused for this file';
    return this.isAutomatic() ? undefined : 'suggests when asked';
  }

  isAutomatic(): boolean {
    return settings().get('automatic', true);
  }

  isLanguageOn({ languageId }: vscode.TextDocument): boolean {
    const enable = settings().get<Record<string, boolean>>('enable', {});
    return enable[languageId] ?? enable['*'] ?? true;
  }

  isFilePaused(uri: vscode.Uri): boolean {
    return this.#files().includes(uri.toString());
  }

  async toggleAutomatic(): Promise<void> {
    await settings().update('automatic', !this.isAutomatic(), vscode.ConfigurationTarget.Global);
  }

  async toggleLanguage(document: vscode.TextDocument): Promise<void> {
    const own = settings().inspect<Record<string, boolean>>('enable')?.globalValue;
    const changed = { ...own, [document.languageId]: !this.isLanguageOn(document) };
    await settings().update('enable', changed, vscode.ConfigurationTarget.Global);
  }

  async toggleFile(uri: vscode.Uri): Promise<void> {
    const others = this.#files().filter((file) => file !== uri.toString());
    await this.#state.update(KEY, this.isFilePaused(uri) ? others : [...others, uri.toString()]);
    this.#changed.fire();
  }

  #files(): string[] {
    return this.#state.get<string[]>(KEY, []);
  }
}

function settings(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration('lacuna');
}
