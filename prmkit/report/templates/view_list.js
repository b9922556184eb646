// The list of items: only the rows in view exist. The list holds the focus and points to the selected row.

const ROW = 68; // pixels; `.list .item` in the style sheet has the same height

class List {
  constructor(data, select) {
    this.data = data;
    this.select = select;
    this.shown = [];
    this.selected = null; // number of the item
    this.box = document.getElementById("list");
    this.space = this.box.appendChild(el("div", { class: "space", role: "presentation" }));
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.space.addEventListener("click", (event) => {
      const row = event.target.closest("[data-number]");
      if (row) this.choose(Number(row.dataset.number));
    });
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  show(numbers) {
    this.shown = numbers;
    this.space.style.height = `${numbers.length * ROW}px`;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 2);
    const last = Math.min(this.shown.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + 2);
    const rows = [];
    for (let place = first; place < last; place += 1) rows.push(this.row(place));
    this.space.replaceChildren(...rows);
    const active = this.space.querySelector("[aria-selected=true]");
    if (active) this.box.setAttribute("aria-activedescendant", active.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(place) {
    const item = this.data.item(this.shown[place]);
    const cut = item.name.lastIndexOf("/"); // what comes after it tells solutions of a problem apart, and is never cut off
    return el("div", {
      class: "item", role: "option", id: `item-${item.number}`, "data-number": item.number, "--top": `${place * ROW}px`,
      "aria-selected": String(item.number === this.selected),
      "aria-posinset": place + 1, "aria-setsize": this.shown.length,
    },
    el("div", { class: "line" }, verdict(item.correct), el("span", { class: "name" },
      el("span", {}, cut < 0 ? item.name : item.name.slice(0, cut)), cut < 0 ? null : item.name.slice(cut)),
      item.uncertain ? pill("uncertain", "uncertain") : null),
    el("div", { class: "snippet" }, item.problem),
    el("div", { class: "strip", "aria-hidden": "true" },
      ...item.strip.map((value) => el("i", value < 0 ? {} : { "--v": value / 100 }))));
  }

  choose(number) {
    this.selected = number;
    const place = this.shown.indexOf(number);
    if (place >= 0) {
      const top = place * ROW, bottom = top + ROW - this.box.clientHeight;
      if (this.box.scrollTop > top) this.box.scrollTop = top;
      else if (this.box.scrollTop < bottom) this.box.scrollTop = bottom;
    }
    this.draw();
    this.select(number);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1);
    const far = this.shown.length;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -far, End: far }[event.key];
    if (!step || !far || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const place = this.shown.indexOf(this.selected);
    const next = place < 0 ? 0 : Math.min(far - 1, Math.max(0, place + step));
    if (next !== place) this.choose(this.shown[next]);
  }
}
