// Build the bundle that is committed: one ES module and one style sheet.
// `node build.mjs [folder]` writes to another folder, so that a test can rebuild and compare.
import { mkdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2]
  ? resolve(process.argv[2])
  : join(here, "..", "kerassplit_widget", "display", "static");
const LIMIT = 100_000; // the notebook stores the bundle once per saved model

// Long names of our own, for readers only: none is a key of the payload (those are snake_case) or known to the page.
const OWN =
  /^(abandon|acting|activate|boxLine|boxNear|boxOf|boxesIn|callOf|callOfPoint|callsOf|camera|canRedo|canUndo|choose|closeAround|colour|costsOf|cutLine|edgesIn|editable|family|fill2|finding|firstTensor|focusBox|focusOn|forgive|frameLine|framesOf|frozen|goNearest|hasPlace|helping|hover|hull|inks|isCandidate|isFold|landscape|legible|lineAt|looking|misplaced|namesField|onAccent|paintGround|paintLines|paintTop|painted|partOf|planning|pressLine|pressNothing|probed|readBusy|readModel|readNames|readView|recolour|refresh|refusal|refused|rename|repaint|requests|retheme|revealCut|routeStart|selectCode|selected|shorten|showAll|showButtons|showCode|sides|suppress|telling|tensorsOf|tint|toggleHelp|totals|twins|typeNames|viewing|visible|zoomBy)$/;

await mkdir(out, { recursive: true });
await build({
  absWorkingDir: here, // paths must not reach the output: it has to be the same everywhere
  entryPoints: ["src/widget.ts"],
  bundle: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  minify: true,
  mangleProps: OWN,
  legalComments: "none",
  sourcemap: false,
  outfile: join(out, "widget.js"),
});
await build({
  absWorkingDir: here,
  entryPoints: ["src/widget.css"],
  bundle: true,
  charset: "utf8",
  minify: true,
  legalComments: "none",
  outfile: join(out, "widget.css"),
});

const sizes = await Promise.all(
  ["widget.js", "widget.css"].map(async (name) => [name, (await stat(join(out, name))).size]),
);
const total = sizes.reduce((sum, [, size]) => sum + size, 0);
console.log(sizes.map(([name, size]) => `${name} ${size} bytes`).join(", "), `(${total} in all)`);
if (total > LIMIT) {
  console.error(`The bundle has ${total} bytes; at most ${LIMIT} are allowed.`);
  process.exit(1);
}
