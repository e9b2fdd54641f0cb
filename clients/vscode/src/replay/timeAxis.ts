/** The time that a fill took: its phases, a tick for each step, a mark for the current one. */

import type { Replay } from '../messages.ts';
import { svg } from './elements.ts';
import type { Frame } from './frames.ts';

const WIDTH = 720;
const HEIGHT = 44;
const EDGE = 8;

const PHASES = ['queue', 'encode', 'denoise', 'rank'] as const;

/** The picture, and a function that moves the mark. */
export function timeAxisOf(replay: Replay, frames: readonly Frame[]): [SVGElement, (frame: number) => void] {
  const total = Math.max(replay.totalMs, 1);
  const place = (ms: number): number => EDGE + (Math.min(ms, total) / total) * (WIDTH - 2 * EDGE);
  let begin = 0;
  const phases = PHASES.flatMap((phase) => {
    const end = begin + replay[`${phase}Ms`];
    const size = { x: place(begin), y: 12, width: Math.max(0, place(end) - place(begin)), height: 8 };
    begin = end;
    return [
      svg('rect', { ...size, class: `phase ${phase}` }, svg('title', {}, `${phase}: ${ms(replay[`${phase}Ms`])}`)),
    ];
  });
  const ticks = frames.map(({ elapsedMs }) => {
    const x = place(elapsedMs);
    return svg('line', { class: 'tick', x1: x, x2: x, y1: 9, y2: 23 });
  });
  const ends = [
    svg('text', { class: 'label first', x: EDGE, y: 40 }, '0 ms'),
    svg('text', { class: 'label', x: WIDTH - EDGE, y: 40 }, ms(total)),
  ];
  const now = svg('circle', { class: 'now', cy: 16, r: 6 });
  const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'time', role: 'img', 'aria-label': `Time: ${ms(total)}` };
  const picture = svg('svg', box, ...phases, ...ticks, now, ...ends);
  return [picture, (frame) => now.setAttribute('cx', String(place(frames[frame]?.elapsedMs ?? 0)))];
}

export function ms(time: number): string {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}
