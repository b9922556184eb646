// What became of a step, as a shape (colour alone never says it), a name and a meaning.

const FATES = {
  chosen: ["chosen path", "leads to the chosen solution"],
  kept: ["kept", "continued, or part of another candidate"],
  pruned: ["pruned", "others ranked higher"],
  merged: ["merged", "the same text as a sibling, which stands for both"],
  lookahead: ["look-ahead", "written only to score the steps before it"],
  cut: ["cut", "cut by a limit of tokens"],
  unscored: ["not scored", "the budget was spent before it could be scored"],
};

const fateName = (fate) => FATES[fate]?.[0] ?? fate;
const fateOf = (node) => fateName(node.kind) + (node.times > 1 ? ` × ${node.times}` : "");

// The shape of a step around (0, 0); its filling is the score's colour.
function shape(fate, score, radius) {
  const r = radius, half = r * 0.5;
  const body = {
    merged: () => svg("rect", { x: -r * 0.9, y: -r * 0.9, width: r * 1.8, height: r * 1.8 }),
    lookahead: () => svg("polygon", { points: `0,${-r * 1.2} ${r * 1.2},0 0,${r * 1.2} ${-r * 1.2},0` }),
    cut: () => svg("path", { d: `M${-r},${-r * 0.9}H${r}L0,${r * 1.1}Z` }),
  }[fate] ?? (() => svg("circle", { r }));
  const over = {
    chosen: () => svg("circle", { class: "ring", r: r + 3 }),
    pruned: () => svg("path", { class: "over", d: `M${-half},${-half}L${half},${half}M${half},${-half}L${-half},${half}` }),
    merged: () => svg("path", { class: "over", d: `M${-half},${-r * 0.3}H${half}M${-half},${r * 0.3}H${half}` }),
  }[fate];
  return svg("g", { class: `mark ${fate}${known(score) ? " scored" : ""}`, "--v": score }, body(), over ? over() : null);
}

// The same within a line of text.
const mark = (fate, score) =>
  svg("svg", { class: "glyph", viewBox: "-10 -10 20 20", "aria-hidden": "true" }, shape(fate, score, 6));

// Steps and tokens by what became of them: a bar, and the same in figures, which is the legend too.
function spending(tree, tokens) {
  const sums = new Map(Object.keys(FATES).map((fate) => [fate, { steps: 0, tokens: 0 }]));
  for (const node of tree.nodes) {
    const sum = sums.get(node.kind) ?? sums.set(node.kind, { steps: 0, tokens: 0 }).get(node.kind);
    sum.steps += 1;
    sum.tokens += node.tokens;
  }
  const present = [...sums].filter(([, sum]) => sum.steps);
  const traced = present.reduce((total, [, sum]) => total + sum.tokens, 0);
  const rest = (tokens ?? traced) - traced;
  const entries = present.map(([fate, sum]) => el("li", { title: FATES[fate]?.[1] }, mark(fate, null),
    el("span", {}, el("b", {}, fateName(fate)), ` ${many(sum.steps, "step")}, ${many(sum.tokens, "token")}`)));
  if (rest > 0) entries.push(el("li", {}, el("span", {}, el("b", {}, "given up"), ` ${many(rest, "token")}`)));
  const parts = present.map(([fate, sum]) => el("i", { class: fate, "--share": sum.tokens }));
  if (rest > 0) parts.push(el("i", { class: "rest", "--share": rest }));
  return [el("div", { class: "bar", "aria-hidden": "true" }, ...parts), el("ul", { class: "legend spent" }, ...entries)];
}
