/** The page that replays a fill. It runs in VS Code's webview, and in any browser once exported. */

import type { Replay } from '../messages.ts';
import { canvasOf } from './canvas.ts';
import { html } from './elements.ts';
import { count, framesOf } from './frames.ts';
import { gridOf } from './grid.ts';
import { ms, timeAxisOf } from './timeAxis.ts';

declare const acquireVsCodeApi: undefined | (() => { postMessage(message: unknown): void });

const FRAME_MS = 450;

function main(): void {
  const replay = JSON.parse(document.querySelector('#replay')!.textContent) as Replay;
  const frames = framesOf(replay);
  const last = frames.length - 1;
  let current = last;
  let timer: ReturnType<typeof setInterval> | undefined;

  const canvas = html('pre', { class: 'canvas', tabindex: 0, 'aria-label': 'Canvas' });
  const told = html('p', { class: 'told', 'aria-live': 'polite' });
  const slider = html('input', { type: 'range', min: 0, max: last, 'aria-label': 'Denoising step' });
  const [grid, markRow] = gridOf(frames, (frame) => show(frame));
  const [axis, markTime] = timeAxisOf(replay, frames);

  function show(frame: number): void {
    current = Math.min(Math.max(frame, 0), last);
    const { name, elapsedMs, numRemoved } = frames[current]!;
    const { masked, accepted, revised, renoised } = count(frames[current]!);
    const changes = [
      `${accepted} accepted`,
      ...(revised ? [`${revised} revised`] : []),
      ...(numRemoved ? [`${numRemoved} taken out`] : []),
      ...(renoised ? [`${renoised} renoised`] : []),
      `${masked + renoised} still masked`,
    ];
    canvas.replaceChildren(...canvasOf(replay, frames[current]!));
    told.textContent = `${name}, after ${ms(elapsedMs)}: ${changes.join(', ')}`;
    slider.value = String(current);
    slider.setAttribute('aria-valuetext', name);
    markRow(current);
    markTime(current);
  }

  const play = button('Play', () => {
    if (timer) return pause();
    if (current === last) show(0);
    play.textContent = 'Pause';
    timer = setInterval(() => {
      show(current + 1);
      if (current === last) pause();
    }, FRAME_MS);
  });

  function pause(): void {
    clearInterval(timer);
    timer = undefined;
    play.textContent = 'Play';
  }

  function go(frame: number): void {
    pause();
    show(frame);
  }

  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => go(current - 1),
    ArrowRight: () => go(current + 1),
    Home: () => go(0),
    End: () => go(last),
    ' ': () => play.click(),
  };
  document.addEventListener('keydown', (event) => {
    const isTaken = event.target instanceof HTMLButtonElement && event.key === ' ';
    const action = event.altKey || event.ctrlKey || event.metaKey || isTaken ? undefined : keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  slider.addEventListener('input', () => go(Number(slider.value)));

  const controls = html(
    'div',
    { class: 'controls' },
    button('Back', () => go(current - 1)),
    play,
    button('Forward', () => go(current + 1)),
    slider,
  );
  if (typeof acquireVsCodeApi !== 'undefined') {
    const editor = acquireVsCodeApi();
    controls.append(button('Export as HTML…', () => editor.postMessage('export')));
  }
  document.body.append(
    html('h1', {}, 'Watch it denoise'),
    html('p', { class: 'figures' }, figures(replay)),
    controls,
    told,
    canvas,
    axis,
    html('div', { class: 'grid', tabindex: 0 }, grid),
    legend(),
  );
  show(last);
}

function figures({ stopReason, numForwards, numPrefixTokens, numCachedTokens, totalMs, tokens }: Replay): string {
  const num = tokens.flat().length;
  const rate = numForwards ? ` (${(num / numForwards).toFixed(1)} a pass)` : '';
  return (
    `${num} tokens in ${numForwards} passes${rate}, ${ms(totalMs)}, ended because ${stopReason}; ` +
    `prefix of ${numPrefixTokens} tokens, ${numCachedTokens} of them read before`
  );
}

function legend(): HTMLElement {
  const fates = ['masked', 'accepted', 'kept', 'revised', 'renoised'];
  const samples = fates.map((fate) =>
    html('li', {}, html('span', { class: `slot sample ${fate}` }, '\u2002'), ` ${fate}`),
  );
  const ramp = html('li', { class: 'ramp' }, 'unsure ', html('span', { class: 'scale' }), ' sure');
  return html('ul', { class: 'legend', 'aria-label': 'Legend' }, ...samples, ramp);
}

function button(label: string, action: () => void): HTMLButtonElement {
  const element = html('button', { type: 'button' }, label);
  element.addEventListener('click', action);
  return element;
}

main();
