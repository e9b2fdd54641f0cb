/** The language server's process: found, started, restarted, ended; one thing at a time. */

import * as vscode from 'vscode';
import { RevealOutputChannelOn, State, type Middleware, type ResponseError } from 'vscode-languageclient';
import { LanguageClient } from 'vscode-languageclient/node';

import type { Found } from './discovery.ts';
import { conditionChanged, type Condition } from './messages.ts';
import { Queue } from './queue.ts';

/** Documents that are told to the server; notebooks cell by cell. */
const DOCUMENTS = ['file', 'untitled', 'vscode-notebook-cell'].map((scheme) => ({ scheme }));

const CAPABILITIES = { lacuna: { status: true, replay: true } };

const NO_CONDITION: Condition = {
  state: 'loading',
  message: '',
  loadedBytes: 0,
  totalBytes: 0,
  uri: null,
  reason: null,
};

/** Settings of this extension, which mean nothing to the server. */
const OWN_SETTINGS = ['server', 'trace'];

export class Server implements vscode.Disposable {
  readonly #queue = new Queue();
  readonly #changed = new vscode.EventEmitter<Condition>();
  #client: LanguageClient | undefined;
  #condition = NO_CONDITION;

  /** Fires when something about the server has changed. */
  readonly onDidChange = this.#changed.event;

  readonly #find: () => Promise<Found>;
  readonly #middleware: Middleware;
  readonly #log: vscode.LogOutputChannel;

  /**
   * @param find - Tells which command to run, anew for every start.
   * @param middleware - Stands between VS Code and the server.
   * @param log - Holds what the server writes to standard error.
   */
  constructor(find: () => Promise<Found>, middleware: Middleware, log: vscode.LogOutputChannel) {
    this.#find = find;
    this.#middleware = middleware;
    this.#log = log;
  }

  /** The connection; undefined while the server does not run. */
  get client(): LanguageClient | undefined {
    return this.#client?.state === State.Running ? this.#client : undefined;
  }

  /** How the server says it is. */
  get condition(): Condition {
    return this.#condition;
  }

  /** Starts the server in place of one that runs. Returns what was found to be run. */
  restart(): Promise<Found> {
    return this.#queue.run(async () => {
      await this.#end();
      const found = await this.#find();
      if ('problem' in found) this.#tell({ ...NO_CONDITION, state: 'error', message: found.problem });
      else await this.#begin(found.command);
      return found;
    });
  }

  /** Ends the server. */
  stop(): Promise<void> {
    return this.#queue.run(() => this.#end());
  }

  dispose(): void {
    void this.stop();
    this.#changed.dispose();
  }

  async #begin(command: string): Promise<void> {
    this.#tell(NO_CONDITION);
    this.#log.info(`Starting ${command}`);
    const options = { command, args: ['serve'] };
    const client = new LanguageClient('lacuna', 'Lacuna', options, {
      documentSelector: DOCUMENTS,
      outputChannel: this.#log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      middleware: { ...this.#middleware, workspace: { configuration } },
    });
    client.registerFeature({
      fillClientCapabilities: (capabilities) => Object.assign(capabilities, { experimental: CAPABILITIES }),
      initialize: () => undefined,
      getState: () => ({ kind: 'static' }),
      clear: () => undefined,
    });
    client.onNotification(conditionChanged, (condition) => this.#tell(condition));
    client.onDidChangeState(({ newState }) => {
      if (client !== this.#client) return;
      if (newState === State.Starting) this.#tell(NO_CONDITION);
      if (newState === State.Stopped) this.#tell({ ...NO_CONDITION, state: 'error', message: ENDED });
    });
    this.#client = client;
    await client.start().catch((error: unknown) => {
      this.#log.error(error instanceof Error ? error : String(error));
      this.#tell({ ...NO_CONDITION, state: 'error', message: `${command} does not start; the log says why.` });
    });
  }

  async #end(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.dispose().catch(() => undefined); // it had not started, or had gone already
  }

  #tell(condition: Condition): void {
    this.#condition = condition;
    this.#changed.fire(condition);
  }
}

const ENDED = 'The server has ended; restart it.';

/** Answers the server's question for its settings. */
const configuration: NonNullable<NonNullable<Middleware['workspace']>['configuration']> = async (
  params,
  token,
  next,
) => {
  const answers: unknown = await next(params, token);
  if (!Array.isArray(answers)) return answers as ResponseError;
  return answers.map((answer: unknown) =>
    answer && typeof answer === 'object'
      ? Object.fromEntries(Object.entries(answer).filter(([name]) => !OWN_SETTINGS.includes(name)))
      : answer,
  );
};
