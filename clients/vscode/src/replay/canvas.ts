/** The document around the gaps, with the canvas as it is in one frame. */

import type { Replay } from '../messages.ts';
import { coloured, html } from './elements.ts';
import type { Frame, Slot } from './frames.ts';

/** Text before, between and behind the gaps, and their slots. */
export function canvasOf({ before, after, segments }: Replay, { gaps }: Frame): Node[] {
  return [
    given(before),
    ...gaps.flatMap((gap, number) => [
      html('span', { class: 'gap' }, ...gap.map(slotElement)),
      given(number < gaps.length - 1 ? (segments[number] ?? '') : after),
    ]),
  ];
}

/** A token's text as it is shown where line breaks would not be seen. */
export function visible(text: string): string {
  return text.replaceAll('\n', '↵').replaceAll('\t', '→');
}

/** What is known of a slot, for people. */
export function describe({ text, confidence, fate }: Slot): string {
  const what = text === null ? '' : ` ${JSON.stringify(text)}, ${Math.round(100 * confidence)} % sure`;
  return `${fate}${what}`;
}

function given(text: string): Node {
  return html('span', { class: 'given' }, text);
}

function slotElement(slot: Slot): Node {
  const { text, confidence, fate } = slot;
  if (text === null) return html('span', { class: `slot ${fate}`, title: describe(slot) }, '\u2002');
  const breaks = text.includes('\n') ? [html('span', { class: 'break' }, '↵')] : [];
  const element = html('span', { class: `slot ${fate}`, title: describe(slot) }, ...breaks, text);
  return coloured(element, confidence);
}
