/** Formats that a snippet may have. */

import presets from './presets.json' with { type: 'json' };

/** A named format, as `lacuna snippet --list-presets` shows it. */
export interface Preset {
  readonly name: string;
  readonly description: string;
}

export const PRESETS: readonly Preset[] = presets;

const LOOK_AROUND = /(?<!\\)\(\?<?[=!]/;
const BACK_REFERENCE = /(?<!\\)(?:\\\\)*\\(?:[1-9]|k<)/;

/** What is wrong with a regular expression, as far as it shows without the engine; undefined when nothing is. */
export function mistakeIn(pattern: string): string | undefined {
  if (!pattern) return 'Write a regular expression that the whole snippet has to match.';
  if (LOOK_AROUND.test(pattern)) return 'Lookahead and lookbehind are not supported; write out what may stand there.';
  if (BACK_REFERENCE.test(pattern)) return 'References to groups are not supported; write out what may stand there.';
  try {
    new RegExp(pattern, 'u');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
