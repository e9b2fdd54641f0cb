/** Which `lacuna` command is run. */

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** Where commands are looked for, in this order. */
export interface Places {
  /** The user's setting; if it is not empty, nothing else counts. */
  readonly setting: string;
  /** Interpreter of the selected Python environment. */
  readonly python: string | undefined;
  /** The environment variable PATH. */
  readonly path: string;
  /** The environment that this extension installs into. */
  readonly own: string;
}

type Origin = 'setting' | 'python' | 'path' | 'own';

/** A command to run. */
export interface Command {
  readonly command: string;
  readonly origin: Origin;
}

/** That there is none: what to do, and whether it is the setting that is wrong. */
export interface Missing {
  readonly problem: string;
  readonly isSetting: boolean;
}

export type Found = Command | Missing;

const isWindows = process.platform === 'win32';
const NAME = isWindows ? 'lacuna.exe' : 'lacuna';

/** The folder of an environment's commands. */
export function commandsOf(environment: string): string {
  return join(environment, isWindows ? 'Scripts' : 'bin');
}

/** The command to run, or a sentence that says what to do. */
export async function findServer(places: Places): Promise<Found> {
  if (places.setting) {
    const command = places.setting.replace(/^~(?=$|[\\/])/, homedir());
    if (await isCommand(command)) return { command, origin: 'setting' };
    const problem = `lacuna.server.path names ${command}, which cannot be run; correct the setting or leave it empty.`;
    return { problem, isSetting: true };
  }
  const candidates: { folder: string; origin: Origin }[] = [
    ...(places.python ? [{ folder: dirname(places.python), origin: 'python' as const }] : []),
    ...places.path.split(delimiter).map((folder) => ({ folder, origin: 'path' as const })),
    { folder: commandsOf(places.own), origin: 'own' },
  ];
  for (const { folder, origin } of candidates) {
    if (!folder) continue;
    const command = join(folder, NAME);
    if (await isCommand(command)) return { command, origin };
  }
  return { problem: 'Lacuna needs its server, which is not on this machine yet; install it.', isSetting: false };
}

async function isCommand(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
