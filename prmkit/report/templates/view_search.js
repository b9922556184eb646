// The details of a search.

const ENDED = {
  done: "done", "max-steps": "at the limit of steps", tokens: "tokens spent", "prm-tokens": "PRM tokens spent",
  seconds: "time spent",
};
const FINISHES = { end: "whole", step: "under way", length: "cut" };

function showSearch(item, detail) {
  const tree = new Tree(detail);
  const outline = new Outline(tree);
  const pick = (node) => outline.reveal(node);
  const answer = detail.predicted ?? (known(detail.chosen) ? "none found" : "nothing whole");
  const all = el("button", { type: "button", class: "quiet", onclick: () => outline.setAll(true) }, "open all");
  const none = el("button", { type: "button", class: "quiet", onclick: () => outline.setAll(false) }, "close all");
  return [
    heading(item),
    detail.open.length ? el("p", { class: "note" }, `Uncertain: ${detail.open.join("; ")}.`) : null,
    el("p", { class: "problem" }, detail.problem),
    facts([
      ["chosen answer", answer],
      ["reference answer", detail.answer],
      ["tokens written", known(detail.tokens) ? whole(detail.tokens) : null],
      ["tokens the PRM read", known(detail.prm_tokens) ? whole(detail.prm_tokens) : null],
      ["seconds", known(detail.seconds) ? seconds(detail.seconds) : null],
      ["ended", ENDED[detail.ended] ?? detail.ended],
    ]),
    el("h3", {}, "Candidates"),
    candidates(detail, tree, pick),
    el("h3", {}, "Tree"),
    ...(tree.nodes.length
      ? [...spending(tree, detail.tokens), ...drawMap(tree, pick), el("div", { class: "tools" }, all, none), outline.element]
      : [el("p", { class: "note" }, "No step was drawn.")]),
  ].filter(known);
}

function candidates(detail, tree, pick) {
  const { score, finish, tokens, leaf, answer, group } = detail.candidates;
  if (!score.length) return el("p", { class: "note" }, "There are none.");
  const alike = (index) => group.filter((each) => each === group[index]).length;
  const rows = score.map((value, index) => {
    const chosen = index === detail.chosen;
    const place = leaf[index] < 0 ? String(index + 1)
      : el("button", { type: "button", class: "quiet", "aria-label": `Show candidate ${index + 1} in the tree`,
        onclick: () => pick(tree.nodes[leaf[index]]) }, String(index + 1));
    return el("tr", { class: chosen ? "chosen" : null },
      el("th", { scope: "row" }, place),
      el("td", {}, answer[index] ?? "–", ...(chosen ? [" ", pill("★ chosen", "chosen")] : [])),
      el("td", {}, cell(value)),
      el("td", {}, known(group[index]) ? String(alike(index)) : "–"),
      el("td", {}, known(tokens[index]) ? whole(tokens[index]) : "–"),
      el("td", {}, FINISHES[finish[index]] ?? finish[index]));
  });
  const heads = ["", "answer", "score", "votes", "tokens", "ends"];
  return el("div", { class: "scroll candidates", tabindex: "0", role: "region", "aria-label": "Candidates" },
    el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) =>
      head ? el("th", { scope: "col" }, head) : el("td", {})))), el("tbody", {}, ...rows)));
}
