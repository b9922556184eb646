// The details of a solution: its steps with labels, with scores, or with neither.

const CLASSES = { "-1": ["− incorrect", "incorrect"], 0: ["○ neutral", "neutral"], 1: ["+ correct", "correct"] };

function showSolution(item, detail, data) {
  const bare = detail.bare;
  return [
    heading(item),
    el("p", { class: "problem" }, detail.problem),
    facts([
      ["reference answer", detail.answer],
      ["bare problem", bare ? share(bare[0] / bare[1]) : null, bare ? `${bare[0]} of ${bare[1]} rollouts right` : null],
      ["strategy", detail.strategy],
      ["rollouts", known(detail.rollouts) ? whole(detail.rollouts) : null],
      ["score", known(detail.score) ? share(detail.score) : null],
      ["first flagged step", known(detail.flagged) ? (detail.flagged < 0 ? "none" : String(detail.flagged + 1)) : null],
      ["solution", detail.finish === "length" ? "cut by the length limit" : null],
    ]),
    el("h3", {}, many(detail.steps.length, "step")),
    stepsHead(detail),
    el("ol", { class: "labelled" }, ...detail.steps.map((text, index) => labelledStep(text, index, detail, data))),
  ];
}

function stepsHead(detail) {
  const names = detail.k ? [["rate", ""], ["interval", "wide"], ["class", "wide"]] : detail.scores ? [["score", ""]] : [];
  return el("div", { class: "step head", "aria-hidden": "true" }, el("span", {}, "step"), el("span", { class: "figures" },
    ...names.map(([name, width]) => el("span", { class: `figure ${width}` }, name))));
}

function labelledStep(text, index, detail, data) {
  const scored = detail.scores ? [figure("score", cell(detail.scores[index]))] : [];
  const figures = detail.k ? labelFigures(index, detail, data) : scored;
  return el("li", {}, el("div", { class: "step" },
    el("span", { class: "text" }, el("span", { class: "index" }, index + 1), el("span", { class: "words" }, text)),
    el("span", { class: "figures" }, ...figures)));
}

function labelFigures(index, detail, data) {
  const [k, n, how] = [detail.k[index], detail.n[index], detail.how[index]];
  const [name, kind] = CLASSES[detail.label[index]];
  const graded = how === "graded";
  const rate = n ? cell(k / n, graded ? (k ? "right" : "wrong") : `${k}/${n}`) : el("span", { class: "none" }, "–");
  const classOf = figure("class", pill(name, kind));
  if (detail.open.includes(index)) classOf.append(" ", pill("uncertain", "uncertain"));
  classOf.classList.add("wide");
  const range = figure("interval", how === "rollouts" && detail.low
    ? interval(k / n, detail.low[index], detail.high[index], data.thresholds) : el("span", { class: "none" }, how));
  range.classList.add("wide");
  return [figure("rate", rate), range, classOf];
}

// From 0 to 1: the interval as a bar, the rate as a line in it, the thresholds between classes as ticks.
function interval(rate, low, high, thresholds) {
  const at = (value) => `${(100 * value).toFixed(1)}%`;
  return el("span", { class: "interval" },
    el("span", { class: "range", "aria-hidden": "true" },
      ...thresholds.filter((each) => each > 0 && each < 1).map((each) => el("i", { class: "threshold", "--at": at(each) })),
      el("i", { class: "extent", "--at": at(low), "--to": at(1 - high) }), el("i", { class: "rate", "--at": at(rate) })),
    el("small", {}, `${share(low)} to ${share(high)}`));
}
