/** Puts the parts together; everything else is in them. */

import * as vscode from 'vscode';
import type { Middleware } from 'vscode-languageclient';

import { findServer, type Found } from './discovery.ts';
import { explain, StatusPage } from './explanations.ts';
import { Feedback } from './feedback.ts';
import { Fills } from './fills.ts';
import { install, ownEnvironment } from './installation.ts';
import { Marks } from './marks.ts';
import { showMenu } from './menu.ts';
import { ACCEPTED_COMMAND, restartEngine, type Accepted } from './messages.ts';
import { offerServer } from './missing.ts';
import { Pauses } from './pauses.ts';
import { activePython, followPython } from './pythonEnvironment.ts';
import { ReplayPanel } from './replayPanel.ts';
import { Running } from './running.ts';
import { Server } from './server.ts';
import { insertSnippet } from './snippets.ts';
import { StatusBar } from './statusBar.ts';
import { Suggestions } from './suggestions.ts';

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel('Lacuna', { log: true });
  const running = new Running();
  const marks = new Marks();
  const pauses = new Pauses(context.workspaceState);
  const feedback = new Feedback(() => server.client);
  const suggestions = new Suggestions(() => server.client, pauses, feedback, running);
  let found: Found | undefined;

  const find = async (): Promise<Found> => {
    found = await findServer({
      setting: vscode.workspace.getConfiguration('lacuna').get('server.path', ''),
      python: await activePython(),
      path: process.env.PATH ?? '',
      own: ownEnvironment(context),
    });
    return found;
  };
  const middleware: Middleware = {
    provideInlineCompletionItems: suggestions.provide,
    executeCommand: (command, args: unknown[], next): unknown => {
      if (command === ACCEPTED_COMMAND && server.client) marks.accepted(server.client, args[0] as Accepted);
      return next(command, args);
    },
  };
  const server: Server = new Server(find, middleware, log);

  async function start(): Promise<void> {
    const result = await server.restart();
    if ('problem' in result) await offerServer(result);
  }

  const fills = new Fills(server, marks, running);
  const statusBar = new StatusBar(server, pauses);
  const replays = new ReplayPanel(server, context.extensionUri);
  const page = new StatusPage(server, () => (found && 'command' in found ? found.command : 'none'));

  const run = (command: string) => () => vscode.commands.executeCommand(command);
  const commands: Record<string, () => unknown> = {
    trigger: () => suggestions.show(),
    triggerLine: () => suggestions.show('line'),
    triggerBlock: () => suggestions.show('block'),
    nextAlternative: run('editor.action.inlineSuggest.showNext'),
    previousAlternative: run('editor.action.inlineSuggest.showPrevious'),
    acceptWord: run('editor.action.inlineSuggest.acceptNextWord'),
    acceptLine: run('editor.action.inlineSuggest.acceptNextLine'),
    cancel: () => running.cancel(),
    fillSelection: fills.selection,
    fillGaps: fills.gaps,
    markGap: fills.mark,
    regenerate: fills.uncertain,
    forgetUncertain: () => vscode.window.activeTextEditor && marks.clear(vscode.window.activeTextEditor.document),
    snippet: () => insertSnippet(server, running),
    why: () => explain(server, pauses),
    watch: replays.show,
    toggle: () => pauses.toggleAutomatic(),
    menu: () => showMenu(server, pauses),
    status: page.show,
    restart: async () => {
      await server.client?.sendRequest(restartEngine).catch(() => undefined); // one that hangs must not keep us
      await start();
    },
    install: async () => {
      if (await install(context, log)) await start();
    },
    log: () => log.show(),
  };

  context.subscriptions.push(
    log,
    server,
    marks,
    statusBar,
    replays,
    page.register(),
    server.onDidChange(statusBar.update),
    pauses.onDidChange(statusBar.update),
    vscode.window.onDidChangeActiveTextEditor(statusBar.update),
    vscode.window.onDidChangeVisibleTextEditors(marks.draw),
    vscode.workspace.onDidChangeTextDocument(feedback.edited),
    vscode.workspace.onDidChangeTextDocument(marks.edited),
    vscode.workspace.onDidCloseTextDocument(marks.closed),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void start()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('lacuna')) statusBar.update();
      if (event.affectsConfiguration('lacuna.server.path')) void start();
    }),
    ...Object.entries(commands).map(([name, action]) =>
      vscode.commands.registerCommand(`lacuna.action.${name}`, action),
    ),
  );
  void start();
  const following = await followPython(() => {
    if (!found || 'problem' in found || found.origin !== 'setting') void start();
  });
  if (following) context.subscriptions.push(following);
}
