// Lays out graphs with dagre and ELK. One JSON object a line on stdin:
// {"engine": "dagre" | "elk", "n": calls, "edges": [[u, v], ...], "size": [width, height], "gaps": [rank, node]}
// and one line each on stdout: {"x": [...], "y": [...], "routes": [[[x, y], ...], ...], "seconds": CPU seconds}.

import { createInterface } from "node:readline";
import dagre from "@dagrejs/dagre";
import ELK from "elkjs/lib/elk.bundled.js";

const elk = new ELK();

function withDagre({ n, edges, size: [width, height], gaps: [ranksep, nodesep] }) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", ranksep, nodesep });
  graph.setDefaultEdgeLabel(() => ({}));
  for (let i = 0; i < n; i++) graph.setNode(String(i), { width, height });
  edges.forEach(([u, v], e) => graph.setEdge(String(u), String(v), {}, String(e)));
  dagre.layout(graph);
  const nodes = Array.from({ length: n }, (_, i) => graph.node(String(i)));
  const routes = edges.map(([u, v], e) =>
    graph.edge(String(u), String(v), String(e)).points.map(({ x, y }) => [x, y]),
  );
  return { x: nodes.map((node) => node.x), y: nodes.map((node) => node.y), routes };
}

async function withElk({ n, edges, size: [width, height], gaps: [rank, node] }) {
  const drawn = await elk.layout({
    id: "graph",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "DOWN",
      "elk.layered.spacing.nodeNodeBetweenLayers": String(rank),
      "elk.spacing.nodeNode": String(node),
    },
    children: Array.from({ length: n }, (_, i) => ({ id: `n${i}`, width, height })),
    edges: edges.map(([u, v], e) => ({ id: `e${e}`, sources: [`n${u}`], targets: [`n${v}`] })),
  });
  const places = new Map(drawn.children.map((child) => [child.id, child]));
  const lines = new Map(drawn.edges.map((edge) => [edge.id, edge.sections[0]]));
  return {
    x: Array.from({ length: n }, (_, i) => places.get(`n${i}`).x + width / 2),
    y: Array.from({ length: n }, (_, i) => places.get(`n${i}`).y + height / 2),
    routes: edges.map((_, e) => {
      const { startPoint, bendPoints = [], endPoint } = lines.get(`e${e}`);
      return [startPoint, ...bendPoints, endPoint].map(({ x, y }) => [x, y]);
    }),
  };
}

const engines = { dagre: withDagre, elk: withElk };

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const before = process.cpuUsage();
  const drawn = await engines[asked.engine](asked);
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ ...drawn, seconds: (user + system) / 1e6 }));
}
