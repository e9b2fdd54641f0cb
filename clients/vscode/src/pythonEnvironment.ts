/** The Python environment that the user selected, where Microsoft's Python extension is present. */

import * as vscode from 'vscode';

/** What we use of the extension's published interface. */
interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): unknown;
    resolveEnvironment(path: unknown): Promise<{ executable: { uri?: vscode.Uri } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

const ID = 'ms-python.python';

/** The interpreter; undefined without one, and in folders that the user does not trust. */
export async function activePython(): Promise<string | undefined> {
  const api = await pythonApi();
  if (!api) return undefined;
  const path = api.environments.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri);
  return (await api.environments.resolveEnvironment(path))?.executable.uri?.fsPath;
}

/** Calls back when another environment was selected. */
export async function followPython(changed: () => void): Promise<vscode.Disposable | undefined> {
  return (await pythonApi())?.environments.onDidChangeActiveEnvironmentPath(changed);
}

async function pythonApi(): Promise<PythonApi | undefined> {
  const extension = vscode.workspace.isTrusted ? vscode.extensions.getExtension<PythonApi>(ID) : undefined;
  try {
    return await extension?.activate();
  } catch {
    return undefined; // it says itself what is wrong with it
  }
}
