// The data: deflated JSON in base64, in script tags that the browser does not run.

async function inflate(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).text();
}

class Data {
  static async open() {
    const data = new Data();
    Object.assign(data, JSON.parse(await inflate(document.getElementById("index").textContent)));
    data.chunks = document.querySelectorAll("script.chunk");
    data.kept = new Map(); // the lines of chunks that were opened last
    return data;
  }

  get size() {
    return this.name.length;
  }

  // What the list knows of an item.
  item(number) {
    const of = (column) => this[column][number];
    return { number, name: of("name"), problem: of("problem"), correct: of("correct"), uncertain: of("uncertain"),
      strip: of("strip") };
  }

  async lines(chunk) {
    return (await inflate(this.chunks[chunk].textContent)).split("\n");
  }

  chunkOf(number) {
    let chunk = this.firsts.length - 1;
    while (this.firsts[chunk] > number) chunk -= 1;
    return chunk;
  }

  async detail(number) {
    const chunk = this.chunkOf(number);
    const lines = this.kept.get(chunk) ?? (await this.lines(chunk));
    this.kept.delete(chunk);
    this.kept.set(chunk, lines);
    if (this.kept.size > 8) this.kept.delete(this.kept.keys().next().value);
    return JSON.parse(lines[number - this.firsts[chunk]]);
  }

  is(number, kind) {
    if (kind === "uncertain") return this.uncertain[number] === 1;
    return kind === "all" || this.correct[number] === { right: 1, wrong: 0, unjudged: null }[kind];
  }

  // Numbers of the items that hold a text, chunk by chunk; letters' case does not count.
  async *holding(text) {
    const wanted = text.toLowerCase();
    const written = JSON.stringify(wanted).slice(1, -1); // as the text stands in a line
    for (let chunk = 0; chunk < this.chunks.length; chunk += 1) {
      const lines = this.kept.get(chunk) ?? (await this.lines(chunk));
      yield lines.map((line, index) => [this.firsts[chunk] + index, line]).filter(([number, line]) =>
        this.name[number].toLowerCase().includes(wanted) ||
        (line.toLowerCase().includes(written) && this.texts(JSON.parse(line)).some((each) => each.includes(wanted)))
      ).map(([number]) => number);
    }
  }

  // What of an item can be looked for: what people and models wrote.
  texts(detail) {
    const written = [detail.problem, detail.answer, detail.predicted, ...(detail.steps ?? []),
      ...(detail.trace?.step ?? []), ...(detail.candidates?.answer ?? [])];
    return written.filter(known).map((each) => String(each).toLowerCase());
  }
}
