/**
 * Build the front end: `widget.js` for notebooks, `page.js` for exported pages, `explorer.css` for both.
 *
 * Each is one file without imports: anywidget loads `widget.js` and `explorer.css`, and `megacache/explorer/page.py`
 * writes `page.js` and `explorer.css` into the page. `--watch` builds again after each change.
 */

import { readFile } from "node:fs/promises";

import { build, context } from "esbuild";

/** JupyterLab has rules such as `.jp-OutputArea-output dt`. Each class of ours counts twice, so that ours win. */
const twice = {
  name: "twice",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const sheet = await readFile(path, "utf8");
      return { contents: sheet.replace(/\.mc(-[\w-]+)?(?![\w-])/g, "$&$&"), loader: "css" };
    });
  },
};

const options = {
  entryPoints: ["src/widget.ts", "src/page.ts", "src/explorer.css"],
  outdir: "../megacache/explorer/static",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  banner: {
    js: "/* megacache. With Preact (MIT, Jason Miller), highlight.js (BSD-3-Clause, Ivan Sagalaev), d3-hierarchy (ISC, Mike Bostock). */",
  },
  plugins: [twice],
  logLevel: "info",
};

if (process.argv.includes("--watch")) await (await context(options)).watch();
else await build(options);
