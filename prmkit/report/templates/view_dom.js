// Elements and figures. Data reach the page as text nodes and attributes only: nothing in them is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const known = (value) => value !== null && value !== undefined;
const whole = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const many = (count, noun) => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
const share = (value) => (known(value) ? value.toFixed(2).replace("-", "\u2212") : "–");
const seconds = (value) => (value < 10 ? value.toFixed(1) : whole(Math.round(value)));

// A score in [0, 1] on the colour scale of the report.
const cell = (value, text = share(value)) =>
  known(value) ? el("span", { class: "cell", "--v": value }, text) : el("span", { class: "none" }, "–");

// A figure with its name, which wide windows leave to the column's head.
const figure = (name, content) => el("span", { class: "figure" }, el("span", { class: "label" }, `${name} `), content);

const verdict = (correct) =>
  el("span", { class: `verdict ${VERDICTS[correct] ?? "unjudged"}` }, VERDICTS[correct] ?? "no verdict");
const VERDICTS = { 0: "wrong", 1: "right" };

const pill = (text, kind = "") => el("span", { class: `pill ${kind}` }, text);

function facts(entries) {
  const shown = entries.filter(([, value]) => known(value));
  return el("dl", { class: "facts" }, ...shown.map(([name, value, note]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value, known(note) ? el("small", {}, note) : null))));
}

// What a problem or solution is, above everything else that is shown of it.
function heading(item) {
  return el("div", { class: "heading" }, verdict(item.correct), el("h2", {}, item.name),
    item.uncertain ? pill("uncertain", "uncertain") : null);
}

// A button that opens what it controls; `build` makes it when it is opened first.
function opener(text, build, open = false) {
  const body = el("div", { class: "opened", hidden: true });
  const button = el("button", { type: "button", class: "opener", "aria-expanded": "false" }, text);
  const set = (wanted) => {
    if (wanted && !body.firstChild) body.append(...build());
    button.setAttribute("aria-expanded", String(wanted));
    body.hidden = !wanted;
  };
  button.addEventListener("click", () => set(body.hidden));
  button.open = () => set(true);
  button.close = () => set(false);
  if (open) set(true);
  return [button, body];
}
