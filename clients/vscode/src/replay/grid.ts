/** All frames at once: a row for each step, a column for each slot, coloured by confidence. */

import { describe, visible } from './canvas.ts';
import { coloured, svg } from './elements.ts';
import type { Frame, Slot } from './frames.ts';

const CELL = 16;
const LABEL = 64;
const BETWEEN_GAPS = 6;

/** The picture, and a function that moves the mark of the current row. */
export function gridOf(
  frames: readonly Frame[],
  choose: (frame: number) => void,
): [SVGElement, (frame: number) => void] {
  const numGaps = frames[0]?.gaps.length ?? 0;
  const widths = Array.from({ length: numGaps }, (_, gap) =>
    Math.max(...frames.map(({ gaps }) => gaps[gap]?.length ?? 0)),
  );
  const lefts = widths.map((_, gap) => LABEL + sum(widths.slice(0, gap)) * CELL + gap * BETWEEN_GAPS);
  const width = LABEL + sum(widths) * CELL + Math.max(0, numGaps - 1) * BETWEEN_GAPS;
  const current = svg('rect', { class: 'current', x: 1, width: width - 2, height: CELL + 2, rx: 3 });
  const rows = frames.map((frame, number) => {
    const cells = frame.gaps.flatMap((gap, place) =>
      gap.map((slot, column) => cell(slot, (lefts[place] ?? 0) + column * CELL, number * CELL)),
    );
    const label = svg('text', { class: 'label', x: LABEL - 8, y: number * CELL + 12 }, labelOf(number, frames.length));
    const hit = svg('rect', { class: 'hit', x: 0, y: number * CELL, width, height: CELL });
    const row = svg('g', { class: 'row' }, hit, label, ...cells);
    row.addEventListener('click', () => choose(number));
    return row;
  });
  const height = frames.length * CELL;
  const box = {
    viewBox: `0 -1 ${width} ${height + 2}`,
    width,
    height,
    role: 'img',
    'aria-label': 'Confidence of every slot in every step',
  };
  return [svg('svg', box, ...rows, current), (frame) => current.setAttribute('y', String(frame * CELL - 1))];
}

function cell(slot: Slot, x: number, y: number): SVGElement {
  const size = { x: x + 1, y: y + 1, width: CELL - 2, height: CELL - 2, rx: 2 };
  const square = coloured(svg('rect', { ...size, class: `cell ${slot.fate}` }), slot.confidence);
  const letter = slot.text === null ? (slot.fate === 'renoised' ? '×' : '') : visible(slot.text).trim().charAt(0);
  const text = svg('text', { class: 'letter', x: x + CELL / 2, y: y + 12 }, letter);
  return svg('g', {}, svg('title', {}, describe(slot)), square, text);
}

function labelOf(number: number, numFrames: number): string {
  if (number === 0) return 'start';
  return number === numFrames - 1 ? 'result' : `step ${number}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
