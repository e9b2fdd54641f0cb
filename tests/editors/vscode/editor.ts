/** The real VS Code, as code-server runs it for a headless Chromium. */

import { spawn, type ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium, type BrowserContext, type Page } from 'playwright-core';

import { ROOT, run, type Workplace } from './workplace.ts';

const CLIENT = join(ROOT, 'clients', 'vscode');
export const README = join(CLIENT, 'README.md');
export const EXTENSION = join(CLIENT, 'dist', 'lacuna.vsix');
const CODE_SERVER = fileURLToPath(new URL('node_modules/code-server/out/node/entry.js', import.meta.url));
const CURSOR = '<|>';

const BROWSER = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--force-color-profile=srgb'],
];

/** How long a test waits for what it is about, milliseconds. */
export const PATIENCE = 30_000;

/** How long a list may take to be shown before it is asked for again, milliseconds. */
const LIST_PATIENCE = 5_000;

/** How long it waits for the model, which is loaded once. */
export const LOADING_PATIENCE = 180_000;

export class Editor {
  readonly page: Page;
  readonly place: Workplace;
  readonly #context: BrowserContext;
  readonly #server: ChildProcess;

  private constructor(place: Workplace, context: BrowserContext, server: ChildProcess, page: Page) {
    this.place = place;
    this.#context = context;
    this.#server = server;
    this.page = page;
  }

  /**
   * Installs the packaged extension and opens the project.
   *
   * @param options - `isInstalled`: whether to install it, by the command that its README names; `isTrusted`: whether
   * the project is trusted without a question.
   */
  static async start(place: Workplace, { isInstalled = true, isTrusted = true } = {}): Promise<Editor> {
    const folders = [
      '--user-data-dir',
      join(place.folder, 'data'),
      '--extensions-dir',
      join(place.folder, 'extensions'),
    ];
    const config = ['--config', join(place.folder, 'config.yaml')];
    const options = [CODE_SERVER, ...folders, ...config];
    if (isInstalled) await run(process.execPath, [...options, ...(await installation())], { env: place.env });
    const port = await freePort();
    const quiet = ['--disable-telemetry', '--disable-update-check', '--auth', 'none'];
    const trust = isTrusted ? ['--disable-workspace-trust'] : [];
    const address = ['--bind-addr', `127.0.0.1:${port}`];
    const server = spawn(process.execPath, [...options, ...quiet, ...trust, ...address, place.project], {
      env: place.env,
      stdio: 'ignore',
    });
    const url = `http://127.0.0.1:${port}`;
    await until(() =>
      fetch(`${url}/healthz`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
    const context = await chromium.launchPersistentContext(join(place.folder, 'browser'), {
      executablePath: '/usr/bin/chromium',
      headless: true,
      viewport: { width: 1000, height: 560 },
      args: BROWSER,
    });
    context.setDefaultTimeout(PATIENCE);
    const page = context.pages()[0] ?? (await context.newPage());
    const editor = new Editor(place, context, server, page);
    await page.goto(`${url}/?folder=${place.project}`);
    await page.waitForSelector('.monaco-workbench .statusbar');
    return editor;
  }

  /** The extensions that are installed, with their versions. */
  async extensions(): Promise<string> {
    const folder = ['--extensions-dir', join(this.place.folder, 'extensions')];
    const { stdout } = await run(process.execPath, [CODE_SERVER, ...folder, '--list-extensions', '--show-versions'], {
      env: this.place.env,
    });
    return stdout;
  }

  async stop(): Promise<void> {
    await this.#context.close();
    this.#server.kill();
    if (this.#server.exitCode === null) await new Promise((resolve) => this.#server.once('exit', resolve));
  }

  /** Opens a file of the project with the cursor at its mark, which is at the end of a line. */
  async open(name: string, marked: string): Promise<void> {
    const file = join(this.place.project, name);
    await writeFile(file, marked.replace(CURSOR, ''));
    await this.#take('Control+P', file, `[aria-label^="${name}"]`);
    await this.page.waitForSelector(`.tab.active[data-resource-name="${name}"]`);
    await this.page.waitForSelector('.quick-input-widget', { state: 'hidden' });
    await this.page.waitForSelector('.editor-group-container.active .monaco-editor.focused');
    await this.page.keyboard.press('Control+Home');
    const numLines = marked.slice(0, Math.max(0, marked.indexOf(CURSOR))).split('\n').length;
    for (let line = 1; line < numLines; line += 1) await this.page.keyboard.press('ArrowDown');
    await this.page.keyboard.press('End');
  }

  /** Types as a person does. */
  async type(text: string, delay = 30): Promise<void> {
    await this.page.keyboard.type(text, { delay });
  }

  /** Runs a command by its title. */
  async command(title: string): Promise<void> {
    await this.#take('F1', `>${title}`, `[aria-label^="${title}"]`);
  }

  /** Picks an entry of a list that is shown. */
  async pick(label: string): Promise<void> {
    await this.#take('', label, `:has-text("${label}")`);
  }

  /** Names a file in the dialog of that title. */
  async name(file: string, title: string): Promise<void> {
    const dialog = this.page.locator(`.quick-input-widget:has(.quick-input-title:has-text("${title}"))`);
    const input = dialog.locator('input');
    await until(async () => (await input.inputValue()) !== ''); // it begins with a folder, which comes late
    await until(async () => {
      if (!(await dialog.isVisible())) return true;
      await input.fill(file);
      await input.press('Enter'); // passed over while the dialog reads the folder
      await dialog.waitFor({ state: 'hidden', timeout: LIST_PATIENCE }).catch(() => undefined); // then once more
      return false;
    });
  }

  /**
   * Takes what a list offers for a text, as a person would: a list that does not offer it within a while, since the
   * window was only starting when it opened, is closed and opened again.
   */
  async #take(key: string, text: string, row: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input');
    const offered = this.page.locator(`.quick-input-list .monaco-list-row.focused${row}`);
    const timeout = LIST_PATIENCE;
    await until(async () => {
      if (key) {
        await this.page.waitForSelector('.quick-input-widget', { state: 'hidden' }); // that of before
        await this.page.keyboard.press(key);
      }
      try {
        await input.fill(text, { timeout });
        await offered.waitFor({ timeout });
        await input.press('Enter', { timeout });
      } catch {
        if (key) await this.page.keyboard.press('Escape');
        return false;
      }
      return true;
    });
    await offered.waitFor({ state: 'hidden' });
  }

  /** The ghost text in the line of the cursor, as soon as there is some. */
  async ghost(): Promise<string> {
    await this.page.waitForSelector(GHOST);
    return this.shownGhost();
  }

  /** Asks until ghost text comes: the first request of a window may be cancelled while the window starts. */
  async firstGhost(): Promise<void> {
    await until(async () => {
      await this.command('Lacuna: Suggest Here');
      return this.ghost().then(Boolean, () => false);
    }, LOADING_PATIENCE);
    await this.page.keyboard.press('Escape');
  }

  async shownGhost(): Promise<string> {
    const parts = await this.page.locator(GHOST).allTextContents();
    return parts.join('').replaceAll('\u00a0', ' ');
  }

  async noGhost(): Promise<void> {
    await this.page.waitForSelector(GHOST, { state: 'detached' });
  }

  /** What the file holds once it is saved. */
  async saved(name: string): Promise<string> {
    await this.page.keyboard.press('Control+S');
    await this.page.waitForSelector('.tab.active.dirty', { state: 'detached' });
    return readFile(join(this.place.project, name), 'utf8');
  }

  /** Waits until the open file differs from what is saved. */
  async isDirty(): Promise<void> {
    await this.page.waitForSelector('.tab.active.dirty');
  }

  /** Waits for a message, in a notification or in the status bar. */
  async says(message: string, timeout = PATIENCE): Promise<void> {
    await this.page.waitForSelector(`:is(.notification-toast, .statusbar-item):has-text("${message}")`, { timeout });
  }

  /** Waits until something in the text is marked as uncertain. */
  async isMarked(): Promise<void> {
    await this.page.waitForSelector('.view-overlays [class*="TextEditorDecorationType"]');
  }

  /** Closes all files and pages, and the side bar. */
  async tidy(): Promise<void> {
    await this.dismiss();
    await this.command('File: Save All');
    await this.page.waitForSelector('.tab.dirty', { state: 'detached' });
    await this.command('View: Close All Editors');
    await this.page.waitForSelector('.tab', { state: 'detached' });
    if (await this.page.locator('.part.sidebar').isVisible()) await this.page.keyboard.press('Control+B');
  }

  /** Closes all notifications. */
  async dismiss(): Promise<void> {
    await this.command('Notifications: Clear All Notifications');
    await this.page.waitForSelector('.notification-toast', {
      state: 'detached',
    });
  }

  /** What the item in the status bar says. */
  async status(): Promise<string> {
    return (await this.page.locator(ITEM).getAttribute('aria-label')) ?? '';
  }

  async isReady(): Promise<void> {
    await until(async () => (await this.status()).startsWith('Lacuna is ready'), LOADING_PATIENCE);
  }
}

const GHOST = ':is(.ghost-text-decoration, .ghost-text):not(.view-zones *)';
export const ITEM = '[id="lacuna.lacuna.lacuna"] a';

/** Waits for something to come about. */
export async function until(isSo: () => Promise<boolean> | boolean, patience = PATIENCE): Promise<void> {
  const end = Date.now() + patience;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`not within ${patience} ms: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What follows the command `code` where the README says how to install the extension. */
async function installation(): Promise<string[]> {
  const [, option] = /`code (--\S+) lacuna\.vsix`/.exec(await readFile(README, 'utf8')) ?? [];
  if (!option) throw new Error('the README names no command that installs lacuna.vsix');
  return [option, EXTENSION];
}

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
