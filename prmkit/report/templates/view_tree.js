// The tree of a search. It reads like a game with variations: the chosen path in one line, and under each of its steps
// what else was drawn there, closed at first; what is closed has no elements yet.

class Tree {
  constructor(detail) {
    const { parent, step, score, value, tokens, fate, visits } = detail.trace;
    this.root = { parent: null, children: [], depth: 0, tokens: 0 };
    this.nodes = step.map((text, number) => ({
      number, text, score: score[number], value: value[number], tokens: tokens[number] ?? 0, fate: fate[number],
      kind: fate[number], visits: visits[number] ?? 1, children: [], candidate: Infinity, times: 1,
    }));
    for (const node of this.nodes) { // parents come before their children
      node.parent = parent[node.number] < 0 ? this.root : this.nodes[parent[node.number]];
      node.depth = node.parent.depth + 1;
      const twin = node.fate === "merged" && node.parent.children.find((each) => this.alike(each, node));
      if (twin) twin.times += 1; // equal draws that were merged are shown as one
      else node.parent.children.push(node);
    }
    detail.candidates.leaf.forEach((leaf, rank) => {
      if (leaf >= 0) this.nodes[leaf].candidate = Math.min(this.nodes[leaf].candidate, rank);
    });
    if (known(detail.chosen) && detail.candidates.leaf[detail.chosen] >= 0) {
      const leaf = this.nodes[detail.candidates.leaf[detail.chosen]];
      for (let node = leaf; node !== this.root; node = node.parent) node.kind = "chosen";
      leaf.final = true;
    }
    this.sum();
    this.ranked = this.nodes.some((node) => known(node.value));
    this.visited = this.nodes.some((node) => node.visits > 1);
    this.depth = this.nodes.reduce((deepest, node) => Math.max(deepest, node.depth), 0);
  }

  // Of each node all that lies below it, itself included; and the best of its children first.
  sum() {
    for (const node of [this.root, ...this.nodes]) {
      Object.assign(node, { count: 1, spent: node.tokens, best: node.candidate ?? Infinity });
    }
    for (const node of [...this.nodes].reverse()) {
      node.parent.count += node.count;
      node.parent.spent += node.spent;
      node.parent.best = Math.min(node.parent.best, node.best);
    }
    const fates = Object.keys(FATES); // from the chosen path to what was thrown away
    const order = (node) => [fates.indexOf(node.kind), node.best, -(node.value ?? node.score ?? -1), node.number];
    for (const node of [this.root, ...this.nodes]) {
      node.children.sort((one, other) => {
        const [a, b] = [order(one), order(other)];
        const at = a.findIndex((value, index) => value !== b[index]);
        return at < 0 ? 0 : a[at] < b[at] ? -1 : 1;
      });
    }
  }

  alike(one, other) {
    return one.fate === "merged" && one.text === other.text;
  }

  path(node) {
    return node === this.root ? [] : [...this.path(node.parent), node];
  }
}

class Outline {
  constructor(tree) {
    this.tree = tree;
    this.element = el("div", { class: "outline" }, this.head(), el("ol", { class: "line" }, ...this.line(tree.root)));
  }

  head() {
    const names = ["score", this.tree.ranked ? "ranked by" : null, "tokens", this.tree.visited ? "visits" : null];
    return el("div", { class: "step head", "aria-hidden": "true" }, el("span", {}, "step"),
      el("span", { class: "figures" }, ...names.filter(known).map((name) => el("span", { class: "figure" }, name))));
  }

  // What follows a node: its best child, that one's best child and so on, each with its alternatives under it.
  line(parent) {
    const items = [];
    for (let from = parent; from.children.length; from = from.children[0]) {
      const [first, ...others] = from.children;
      items.push(el("li", {}, this.step(first), ...(others.length ? this.alternatives(from, others) : [])));
    }
    return items;
  }

  alternatives(from, others) {
    const fates = new Map();
    for (const node of others) fates.set(node.fate, (fates.get(node.fate) ?? 0) + node.times);
    const told = [...fates].map(([fate, count]) => `${whole(count)} ${fateName(fate)}`).join(", ");
    const spent = from.spent - from.tokens - from.children[0].spent;
    const drawn = others.reduce((total, node) => total + node.times, 0);
    const [button, body] = opener(
      `${many(drawn, "other")} drawn here: ${told}; ${many(spent, "token")}`,
      () => [el("ol", { class: "branches" }, ...others.map((node) => this.branch(node)))],
    );
    from.others = button;
    return [button, body];
  }

  branch(node) {
    const more = node.count - 1;
    if (!more) return el("li", {}, this.step(node));
    const [button, body] = opener(
      `goes on: ${many(more, "step")} below, ${many(node.spent - node.tokens, "token")}`,
      () => [el("ol", { class: "line" }, ...this.line(node))],
    );
    node.rest = button;
    return el("li", {}, this.step(node), button, body);
  }

  step(node) {
    const pills = [
      node.final ? pill("★ chosen", "chosen") : null,
      !node.final && Number.isFinite(node.candidate) ? pill(`candidate ${node.candidate + 1}`) : null,
      node.kind === "chosen" || node.kind === "kept" ? null : pill(fateOf(node), node.fate),
    ];
    const figures = [
      figure("score", cell(node.score)),
      this.tree.ranked ? figure("ranked by", share(node.value)) : null,
      figure("tokens", whole(node.tokens * node.times)),
      this.tree.visited ? figure("visits", whole(node.visits)) : null,
    ];
    node.row = el("div", { class: `step ${node.kind}`, "data-node": node.number, tabindex: "-1" },
      el("span", { class: "text" }, mark(node.kind, node.score), el("span", { class: "index" }, node.depth),
        el("span", { class: "words" }, node.text, ...pills.filter(known).flatMap((each) => [" ", each]))),
      el("span", { class: "figures" }, ...figures.filter(known)));
    return node.row;
  }

  // Open what hides a node, and go there.
  reveal(node) {
    const path = this.tree.path(node);
    path.forEach((each, index) => {
      if (each === each.parent.children[0]) return;
      each.parent.others.open();
      if (index < path.length - 1) each.rest.open();
    });
    this.element.querySelector(".current")?.classList.remove("current");
    node.row.classList.add("current");
    const pane = document.getElementById("detail");
    if (pane.scrollHeight > pane.clientHeight + 1) { // wide windows scroll this pane and not the page
      pane.scrollTop += node.row.getBoundingClientRect().top - pane.getBoundingClientRect().top - pane.clientHeight / 2;
    } else node.row.scrollIntoView({ block: "center", behavior: "instant" });
    node.row.focus({ preventScroll: true });
  }

  setAll(open) {
    for (const node of [this.tree.root, ...this.tree.nodes]) { // parents come first, and build what follows;
      for (const name of ["rest", "others"]) { // what goes on after a node builds its alternatives
        if (open) node[name]?.open();
        else node[name]?.close();
      }
    }
  }
}
