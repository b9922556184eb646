// The page: what is selected, which items are shown, and the keys.

class Page {
  constructor(data) {
    this.data = data;
    this.kind = "all";
    this.text = "";
    this.search = 0; // number of the search under way
    this.box = document.getElementById("text");
    this.told = document.getElementById("shown");
    this.detail = document.getElementById("detail");
    this.buttons = document.querySelectorAll("[data-show]");
    this.list = new List(data, (number) => this.open(number));
    for (const button of this.buttons) button.addEventListener("click", () => this.filter(button.dataset.show));
    this.box.addEventListener("input", () => {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.look(this.box.value.trim()), 120);
    });
    document.addEventListener("keydown", (event) => this.key(event));
    this.matches = null; // numbers of the items that hold the text; null without one
    this.show();
    if (this.list.shown.length) this.list.choose(this.list.shown[0]);
  }

  filter(kind) {
    this.kind = kind;
    for (const each of this.buttons) each.setAttribute("aria-pressed", String(each.dataset.show === kind));
    this.list.box.scrollTop = 0;
    this.show();
  }

  async look(text) {
    const mine = (this.search += 1);
    this.matches = text ? new Set() : null;
    this.list.box.scrollTop = 0;
    let done = 0;
    if (text) {
      for await (const numbers of this.data.holding(text)) {
        if (mine !== this.search) return; // another text is looked for by now
        done += 1;
        for (const number of numbers) this.matches.add(number);
        if (done % 16 === 0) this.show(`, ${Math.round((100 * done) / this.data.chunks.length)} % looked through`);
      }
    }
    if (mine === this.search) this.show();
  }

  show(state = "") {
    const numbers = [];
    for (let number = 0; number < this.data.size; number += 1) {
      if (this.data.is(number, this.kind) && (this.matches?.has(number) ?? true)) numbers.push(number);
    }
    this.list.show(numbers);
    this.told.textContent = `${many(numbers.length, this.data.noun)} shown${state}`;
  }

  async open(number) {
    const item = this.data.item(number);
    const detail = await this.data.detail(number);
    if (number !== this.list.selected) return; // another one was selected meanwhile
    const parts = this.data.kind === "search" ? showSearch(item, detail, this.data) : showSolution(item, detail, this.data);
    this.detail.replaceChildren(...parts);
    this.detail.scrollTop = 0;
    this.detail.setAttribute("aria-label", item.name);
  }

  key(event) {
    const typing = event.target === this.box;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "/" && !typing) {
      event.preventDefault();
      this.box.focus();
      this.box.select();
    } else if (event.key === "Escape" && typing) {
      this.box.value = "";
      this.look("");
      this.list.box.focus();
    } else if (["ArrowUp", "ArrowDown"].includes(event.key) && (typing || event.target === document.body)) {
      this.list.key(event);
    }
  }
}

async function start() {
  const told = document.getElementById("shown");
  if (!("DecompressionStream" in window)) {
    told.textContent = "This page needs a browser of 2023 or newer.";
    return;
  }
  try {
    window.page = new Page(await Data.open());
  } catch (error) {
    told.textContent = `The data of this page cannot be read: ${error.message}`;
    throw error;
  }
}

start();
