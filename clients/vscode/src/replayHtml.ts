/** The page of a replay as one text: the denoising view shows it, and exporting writes it to a file. */

import type { Replay } from './messages.ts';

/**
 * A document that needs nothing from outside and can reach nothing outside.
 *
 * @param nonce - Lets this page's own script and style run, and no other.
 */
export function replayHtml(replay: Replay, script: string, style: string, nonce: string): string {
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`;
  const data = JSON.stringify(replay).replaceAll('<', String.raw`\u003c`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>Watch it denoise</title>
<style nonce="${nonce}">${style}</style>
</head>
<body>
<script type="application/json" id="replay">${data}</script>
<script nonce="${nonce}">${script}</script>
</body>
</html>
`;
}
