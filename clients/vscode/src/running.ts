/** Fills under way, so that they can be cancelled. */

import * as vscode from 'vscode';

export class Running {
  readonly #sources = new Set<vscode.CancellationTokenSource>();

  /** Does work with a token that `cancel` cancels, as does the caller's own. */
  async run<T>(work: (token: vscode.CancellationToken) => Thenable<T>, outer?: vscode.CancellationToken): Promise<T> {
    const source = new vscode.CancellationTokenSource();
    const link = outer?.onCancellationRequested(() => source.cancel());
    this.#sources.add(source);
    try {
      return await work(source.token);
    } finally {
      this.#sources.delete(source);
      link?.dispose();
      source.dispose();
    }
  }

  /** Cancels all of them. */
  cancel(): void {
    for (const source of this.#sources) source.cancel();
  }
}
