// Bundles the extension for VS Code's own Node.js, and the page of the denoising view for its browser.
import { readdir, readFile, writeFile } from 'node:fs/promises';

import { build } from 'esbuild';

const shared = { bundle: true, minify: true, legalComments: 'none', logLevel: 'warning', outdir: 'dist' };
const { metafile } = await build({
  ...shared,
  entryPoints: ['src/extension.ts'],
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  external: ['vscode'],
  mainFields: ['module', 'main'],
  metafile: true,
});
await build({
  ...shared,
  entryPoints: ['src/replay/page.ts', 'src/replay/page.css'],
  target: 'es2022',
  format: 'iife',
});

// The licences of the packages that are in the bundle.
const packages = Object.keys(metafile.inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
const notices = [...new Set(packages)].sort().map(async (folder) => {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license})\n\n${file ? await readFile(`${folder}/${file}`, 'utf8') : ''}`;
});
await writeFile('dist/THIRD-PARTY-NOTICES.txt', (await Promise.all(notices)).join(`\n${'-'.repeat(80)}\n\n`));
