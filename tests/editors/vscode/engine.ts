/** What the engine counts. */

import { readdirSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';

import { until } from './editor.ts';
import type { Workplace } from './workplace.ts';

/** Counters of the engine that was started in a workplace, by their names in Prometheus' format. */
export async function metrics(place: Workplace): Promise<Map<string, number>> {
  const text = await ask(place, '/metrics');
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

/** How many fills the engine was asked for, be they finished, cancelled or refused. */
export async function numAsked(place: Workplace): Promise<number> {
  return sum(await metrics(place), /^lacuna_(fills|refused)_total/);
}

/** How many fills were ended before they were done. */
export async function numCancelled(place: Workplace): Promise<number> {
  return sum(await metrics(place), /^lacuna_fills_total.*cancelled|^lacuna_refused_total.*superseded/);
}

/** Whether the engine is busy with a fill. */
export async function isFilling(place: Workplace): Promise<boolean> {
  return (JSON.parse(await ask(place, '/v1/status')) as { num_running: number }).num_running > 0;
}

/** Waits until the engine has nothing to do. */
export async function isIdle(place: Workplace): Promise<void> {
  let before = -1;
  await until(async () => {
    const now = await numAsked(place);
    const isSame = now === before && !(await isFilling(place));
    before = now;
    return isSame;
  });
}

function ask({ runtime }: Workplace, path: string): Promise<string> {
  const folder = join(runtime, 'lacuna');
  const socket = readdirSync(folder).find((name) => name.endsWith('.sock'));
  return new Promise((resolve, reject) => {
    get({ socketPath: join(folder, socket ?? 'none'), path }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => (body += part));
      answer.on('end', () => resolve(body));
    }).on('error', reject);
  });
}

function sum(counters: Map<string, number>, pattern: RegExp): number {
  return [...counters].filter(([name]) => pattern.test(name)).reduce((total, [, value]) => total + value, 0);
}
