/** The status of server and engine as a page to read, or to paste into a bug report; it holds no code. */

import type { Report } from './messages.ts';
import { sentenceFor } from './reasons.ts';

/** A report in Markdown. */
export function reportPage({ condition, engine, reasons, problems, tally }: Report, command: string): string {
  const counts = Object.entries(reasons).sort(([, left], [, right]) => right - left);
  return [
    '# Lacuna',
    '',
    `- State: ${condition.state}${condition.message && `: ${condition.message}`}`,
    `- Server: ${command}`,
    ...(engine ? engineLines(engine) : ['- Engine: none yet']),
    '',
    '## Suggestions in this window',
    '',
    `- Shown: ${tally.shown}`,
    `- Accepted, in whole or in part: ${tally.accepted}, with ${tally.acceptedCharacters} characters`,
    `- Rejected: ${tally.rejected}`,
    ...section(
      'Why requests brought nothing',
      counts.map(([reason, count]) => `${sentenceFor(reason)}: ${count}`),
    ),
    ...section('Settings that cannot be used', problems),
    '',
  ].join('\n');
}

function engineLines(engine: NonNullable<Report['engine']>): string[] {
  return [
    `- Engine: version ${engine.version}, process ${engine.pid}, on ${engine.device || 'a device it does not tell'}`,
    `- Model: ${engine.checkpoint}`,
    `- Fills: ${engine.num_fills} in ${Math.round(engine.uptime_seconds / 60)} minutes, for all windows`,
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length ? ['', `## ${title}`, '', ...lines.map((line) => `- ${line}`)] : [];
}
