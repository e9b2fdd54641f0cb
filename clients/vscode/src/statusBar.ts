/** The item in the status bar. */

import * as vscode from 'vscode';

import { appearanceOf } from './appearance.ts';
import type { Pauses } from './pauses.ts';
import type { Server } from './server.ts';

export class StatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('lacuna', vscode.StatusBarAlignment.Right, 100);
  readonly #server: Server;
  readonly #pauses: Pauses;

  constructor(server: Server, pauses: Pauses) {
    this.#server = server;
    this.#pauses = pauses;
    this.#item.name = 'Lacuna';
    this.#item.command = 'lacuna.action.menu';
    this.update();
    this.#item.show();
  }

  /** Shows how the server and the active document are. */
  readonly update = (): void => {
    void vscode.commands.executeCommand('setContext', 'lacuna.filling', this.#server.condition.state === 'filling');
    const document = vscode.window.activeTextEditor?.document;
    const pause = document && this.#pauses.reason(document);
    const { text, tooltip, isError } = appearanceOf(this.#server.condition, pause, document?.uri.toString());
    this.#item.text = text;
    this.#item.tooltip = tooltip;
    this.#item.accessibilityInformation = { label: tooltip };
    this.#item.backgroundColor = isError ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
  };

  dispose(): void {
    this.#item.dispose();
  }
}
