/** Why nothing was suggested, as the server says it for people. */

import type { EmptyAnswer, Report } from './messages.ts';

/** Requests that were overtaken by the next key say nothing about the text. */
const OVERTAKEN = ['superseded', 'cancelled'];

/** The last request for a document that brought nothing. */
export function lastReason({ emptyAnswers }: Report, uri: string): EmptyAnswer | undefined {
  return emptyAnswers.findLast((answer) => answer.uri === uri && !OVERTAKEN.includes(answer.reason));
}
