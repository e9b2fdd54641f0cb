/** Why nothing was suggested, in words for people. */

import type { Report } from './messages.ts';
import sentences from './reasons.json' with { type: 'json' };

/** What a reason means; a server that is newer may have others, which are words of their own. */
export function sentenceFor(reason: string): string {
  return (sentences as Readonly<Record<string, string>>)[reason] ?? reason.replaceAll('-', ' ');
}

/** Requests that were overtaken by the next key say nothing about the text. */
const OVERTAKEN = ['superseded', 'cancelled'];

/** Why the last request for a document brought nothing, and when it was, in seconds since 1970. */
export function lastReason({ emptyAnswers }: Report, uri: string): { sentence: string; time: number } | undefined {
  const last = emptyAnswers.findLast((answer) => answer.uri === uri && !OVERTAKEN.includes(answer.reason));
  return last && { sentence: sentenceFor(last.reason), time: last.time };
}
