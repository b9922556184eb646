// The tree at a glance: a column for each step, a dot for each draw, the chosen path as the upper edge.

const MOST_DOTS = 2000; // beyond that only steps that were kept are drawn

function drawMap(tree, pick) {
  const crowded = tree.nodes.length > MOST_DOTS;
  const drawn = (node) => !crowded || node.kind === "chosen" || node.kind === "kept";
  const layers = [[tree.root]];
  while (layers.at(-1).length) layers.push(layers.at(-1).flatMap((node) => node.children.filter(drawn)));
  layers.pop();
  const fullest = Math.max(...layers.map((layer) => layer.length));
  const space = document.getElementById("detail").clientWidth - 40;
  const dx = Math.min(140, Math.max(26, (space - 44) / Math.max(1, tree.depth)));
  const dy = Math.min(22, Math.max(10, 300 / fullest));
  const radius = Math.min(6.5, dy * 0.36);
  layers.forEach((layer, depth) => layer.forEach((node, place) => {
    node.x = 14 + depth * dx;
    node.y = 30 + place * dy;
  }));
  const nodes = layers.slice(1).flat();
  const caption = el("p", { class: "note caption" }, CAPTION);
  const edges = (kind, of) => svg("path", { class: `edge ${kind}`, d: nodes.filter(of).map(edge).join("") });
  const numbers = layers.slice(1).map((layer) => svg("text", { x: layer[0].x, y: 12 }, layer[0].depth));
  const picture = svg("svg", {
    class: "map", width: 30 + (layers.length - 1) * dx, height: 40 + (fullest - 1) * dy, role: "img",
    "aria-label": `${many(tree.nodes.length, "step")} drawn; the list below says the same`,
  },
  edges("lost", (node) => node.kind !== "chosen" && node.kind !== "kept"),
  edges("kept", (node) => node.kind === "kept"),
  edges("chosen", (node) => node.kind === "chosen"),
  ...numbers, svg("circle", { class: "root", cx: tree.root.x, cy: tree.root.y, r: 3 }),
  ...nodes.map((node) => svg("g", { class: "dot", "data-node": node.number, transform: `translate(${node.x} ${node.y})` },
    svg("circle", { class: "touch", r: dy / 2 }), shape(node.kind, node.score, radius))));
  const under = (event) => tree.nodes[event.target.closest("[data-node]")?.dataset.node];
  picture.addEventListener("pointerover", (event) => {
    const node = under(event);
    caption.textContent = node ? told(node) : CAPTION;
  });
  picture.addEventListener("click", (event) => {
    const node = under(event);
    if (node) pick(node);
  });
  const left = tree.nodes.length - nodes.reduce((total, node) => total + node.times, 0);
  return [
    el("div", { class: "scroll mapbox", tabindex: "0", role: "region", "aria-label": "The tree at a glance" }, picture),
    caption,
    crowded ? el("p", { class: "note" }, `${many(left, "step")} that were not kept are left out of the drawing.`) : null,
  ];
}

const CAPTION = "A column for each step, a mark for each draw (merged ones share one). Point at one to read it, click to "
  + "find it below.";

function edge(node) {
  const { x, y } = node.parent, middle = (x + node.x) / 2;
  return `M${x},${y}C${middle},${y} ${middle},${node.y} ${node.x},${node.y}`;
}

function told(node) {
  const figures = [`step ${node.depth}`, fateOf(node), known(node.score) ? `score ${share(node.score)}` : null,
    known(node.value) ? `ranked by ${share(node.value)}` : null, many(node.tokens * node.times, "token")];
  return `${figures.filter(known).join(", ")}: ${node.text}`;
}
