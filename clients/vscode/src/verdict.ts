/** What an edit says about the suggestion on the screen. */

export type Verdict = 'typed' | 'accepted' | 'partly' | 'rejected';

/**
 * Judges what was inserted where a suggestion is shown.
 *
 * VS Code does not tell of accepted words and lines: they are insertions of more characters than a key writes. A key
 * may write two, as `(` with its closing bracket.
 *
 * @param rest - What of the suggestion is still to come, with line feeds only.
 * @param inserted - What the document got.
 */
export function judge(rest: string, inserted: string): Verdict {
  const text = inserted.replaceAll('\r\n', '\n');
  if (text === rest) return text.length > 1 ? 'accepted' : 'typed';
  if (rest.startsWith(text)) return text.length > 1 ? 'partly' : 'typed';
  return text.length === 2 && rest.startsWith(text.charAt(0)) ? 'typed' : 'rejected';
}
