/** Spans of a document that stay where they belong while it is edited. */

/** Offsets in UTF-16, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
}

export interface Change {
  readonly rangeOffset: number;
  readonly rangeLength: number;
  readonly text: string;
}

/** The spans after changes that do not overlap, each told in terms of the text before all of them. */
export function moved(spans: readonly Span[], changes: readonly Change[]): Span[] {
  return spans.flatMap((span) => {
    let shift = 0;
    for (const { rangeOffset: start, rangeLength, text } of changes) {
      const end = start + rangeLength;
      if (end <= span.start) shift += text.length - rangeLength;
      else if (start < span.end) return []; // it is the user's text now
    }
    return [{ ...span, start: span.start + shift, end: span.end + shift }];
  });
}
