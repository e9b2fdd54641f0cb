/** A home of its own for an editor: settings, extensions, a project, and the engine's sockets. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const run = promisify(execFile);

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LACUNA = join(ROOT, '.venv', 'bin', 'lacuna');

/** What is not about Lacuna is out of the way, and a slow machine has the time it needs. */
const SETTINGS = {
  'lacuna.deadline_ms': 30_000,
  'lacuna.min_confidence': 0,
  'breadcrumbs.enabled': false,
  'chat.disableAIFeatures': true,
  'editor.fontFamily': 'DejaVu Sans Mono, monospace',
  'editor.minimap.enabled': false,
  'editor.quickSuggestions': false, // the menu waits for ghost text, and takes the request back after 750 ms
  'editor.wordBasedSuggestions': 'off',
  'extensions.ignoreRecommendations': true,
  'files.autoSave': 'off',
  'telemetry.telemetryLevel': 'off',
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.layoutControl.enabled': false,
  'workbench.quickOpen.closeOnFocusLost': false, // a window that starts moves the focus
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

export class Workplace {
  readonly folder: string;
  readonly project: string;
  readonly runtime: string;
  readonly env: NodeJS.ProcessEnv;

  private constructor(folder: string, path: string) {
    this.folder = folder;
    this.project = join(folder, 'project');
    this.runtime = join(folder, 'run');
    this.env = {
      PATH: path,
      HOME: join(folder, 'home'),
      LANG: 'C.UTF-8',
      XDG_RUNTIME_DIR: this.runtime,
      EXTENSIONS_GALLERY: '{}',
      ...(process.env.OMP_NUM_THREADS && {
        OMP_NUM_THREADS: process.env.OMP_NUM_THREADS,
      }),
    };
  }

  /**
   * @param settings - Of the user.
   * @param hasServer - Whether the `lacuna` command is on the PATH; otherwise the Python that ran it is.
   */
  static async make(settings: Readonly<Record<string, unknown>> = {}, hasServer = true): Promise<Workplace> {
    const folder = await mkdtemp(join(tmpdir(), 'lv-')); // short, as paths of sockets have to be
    const bin = join(folder, 'home', '.local', 'bin');
    const python = await realpath(join(dirname(LACUNA), 'python'));
    const path = [hasServer ? bin : dirname(python), dirname(process.execPath), '/usr/bin', '/bin'];
    const place = new Workplace(folder, path.join(delimiter));
    for (const name of ['project', 'home', 'data/User', 'data/Machine', 'extensions']) {
      await mkdir(join(folder, name), { recursive: true });
    }
    await mkdir(place.runtime, { mode: 0o700 });
    await mkdir(bin, { recursive: true });
    if (hasServer) await symlink(LACUNA, join(bin, 'lacuna')); // where a user may have it, as pictures name the place
    await writeFile(join(folder, 'home', '.profile'), `PATH=${place.env.PATH}\n`); // VS Code asks a login shell
    await place.set(settings);
    return place;
  }

  /** Changes the settings, those of the user and those of the machine; a running editor notices. */
  async set(settings: Readonly<Record<string, unknown>>): Promise<void> {
    for (const kind of ['User', 'Machine']) {
      await writeFile(join(this.folder, 'data', kind, 'settings.json'), JSON.stringify({ ...SETTINGS, ...settings }));
    }
  }

  /** Ends the engine that was started here, and removes everything. */
  async remove(): Promise<void> {
    await run(LACUNA, ['stop'], { env: this.env }).catch(() => undefined); // there may be none
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
