/** The status of server and engine as a page to read, or to paste into a bug report; it holds no code. */

import { homedir } from 'node:os';
import { sep } from 'node:path';

import type { Report } from './messages.ts';

/** A report in Markdown. */
export function reportPage({ condition, engine, reasons, problems, tally }: Report, command: string): string {
  return [
    '# Lacuna',
    '',
    `- State: ${condition.state}${condition.message && `: ${condition.message}`}`,
    `- Server: ${withoutHome(command)}`,
    ...(engine ? engineLines(engine) : ['- Engine: none yet']),
    '',
    '## Suggestions in this window',
    '',
    `- Shown: ${tally.shown}`,
    `- Accepted, in whole or in part: ${tally.accepted}, with ${tally.acceptedCharacters} characters`,
    `- Rejected: ${tally.rejected}`,
    ...section(
      'Why requests brought nothing',
      reasons.map(({ message, count }) => `${message} (${count})`),
    ),
    ...section('Settings that cannot be used', problems),
    '',
  ].join('\n');
}

/** A path in which the home directory, and with it the user's name, is `~`. */
function withoutHome(path: string): string {
  const home = homedir() + sep;
  return path.startsWith(home) ? `~${sep}${path.slice(home.length)}` : path;
}

function engineLines(engine: NonNullable<Report['engine']>): string[] {
  return [
    `- Engine: version ${engine.version}, process ${engine.pid}, on ${engine.device || 'a device it does not tell'}`,
    `- Model: ${engine.checkpoint}${engine.precision ? `, in ${engine.precision}` : ''}`,
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length ? ['', `## ${title}`, '', ...lines.map((line) => `- ${line}`)] : [];
}
