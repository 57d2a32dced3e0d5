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

// Names of our own, for readers only: none is a key of the payload or one that we use of the page's objects.
const OWN =
  /^(abandon|accent|acting|activate|alive|border|boxLine|boxNear|boxOf|boxesIn|broken|callOf|callOfPoint|callsOf|camera|canRedo|canUndo|changed|choose|closeAround|colour|costs|costsOf|cutLine|dark|describe|dirty|down|drawn|edgesIn|editable|element|enabled|enter|exact|family|fill2|finding|firstTensor|fitted|focusBox|focusOn|forget|forgive|frameAt|frameLine|framesOf|framing|frozen|goNearest|graph|hasPlace|hatch|helping|hover|hull|inks|inspect|isCandidate|isFold|keepInView|kernel|landscape|later|leaving|legend|legible|lineAt|looking|misplaced|moved|namesField|nearest|notice|onAccent|openable|overlay|paintGround|paintLines|paintTop|painted|panel|partOf|placed|placing|planning|point|prepare|press|pressLine|pressNothing|preview|probed|ramp|range|readBusy|readModel|readNames|readView|receive|recolour|redo|redraw|refresh|refusal|refused|rename|repaint|requests|retheme|revealCut|routeStart|scale|scene|selectCode|selected|shell|shorten|showAll|showButtons|showCode|showEnd|sides|silent|squeeze|stage|stopping|strip|strong|suppress|surface|telling|tensorsOf|theme|tint|toggleHelp|totals|twins|typeNames|undo|view|viewing|visible|zoomBy)$/;

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
