/** What the status bar shows of the server. */

import type { Condition } from './messages.ts';

export interface Appearance {
  readonly text: string;
  readonly tooltip: string;
  readonly isError: boolean;
}

/**
 * The text and the tooltip of the status bar item.
 *
 * @param condition - What the server says.
 * @param pause - What is paused in the active document, for people.
 * @param uri - Of the active document.
 */
export function appearanceOf(condition: Condition, pause: string | undefined, uri: string | undefined): Appearance {
  const { state, message, loadedBytes, totalBytes, reason } = condition;
  if (state === 'error') return { text: '$(error) Lacuna', tooltip: message, isError: true };
  if (state === 'loading') {
    const share = totalBytes ? ` ${Math.floor((100 * loadedBytes) / totalBytes)} %` : '';
    return { text: `$(loading~spin) Lacuna${share}`, tooltip: 'The model is being loaded.', isError: false };
  }
  if (pause) return { text: '$(debug-pause) Lacuna', tooltip: `Lacuna: ${pause}.`, isError: false };
  if (state === 'filling') return { text: '$(sync~spin) Lacuna', tooltip: 'A gap is being filled.', isError: false };
  const why = reason && condition.uri === uri ? ` Nothing was suggested: ${message}.` : '';
  if (state === 'disabled')
    return { text: '$(circle-slash) Lacuna', tooltip: `Lacuna leaves this file alone.${why}`, isError: false };
  return { text: '$(sparkle) Lacuna', tooltip: `Lacuna is ready.${why}`, isError: false };
}
