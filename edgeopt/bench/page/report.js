"use strict";
(async () => {
  // Both scripts are gzip in base64: a third of their size, and nothing in them can end the page's own script.
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent.trim()), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const { columns, rows, plots } = JSON.parse(await unpack("payload"));
  const place = (name) => columns.indexOf(name);
  const element = (id) => document.getElementById(id);
  const STEP = 200;
  let sorted = { column: -1, down: false };
  let limit = STEP;

  const text = (value) => {
    if (value === null) return "";
    if (value === true) return "yes";
    if (value === false) return "no";
    return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : String(value);
  };

  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null); // empty cells last, either way
    const order = typeof a === "number" && typeof b === "number" ? a - b : text(a).localeCompare(text(b));
    return sorted.down ? -order : order;
  };

  const chosen = () => {
    const words = element("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const solver = element("by-solver").value, status = element("by-status").value;
    const kept = rows.filter((row) =>
      (!solver || row[place("solver")] === solver) && (!status || row[place("status")] === status) &&
      words.every((word) => row.some((value) => text(value).toLowerCase().includes(word))));
    if (sorted.column >= 0) kept.sort((a, b) => compare(a[sorted.column], b[sorted.column]));
    return kept;
  };

  const draw = () => {
    const kept = chosen();
    const body = document.createElement("tbody");
    for (const row of kept.slice(0, limit)) {
      const line = body.insertRow();
      row.forEach((value, i) => {
        const cell = line.insertCell();
        cell.textContent = text(value);
        if (typeof value === "number") cell.className = "number";
        if (columns[i] === "message" || columns[i] === "conflict") cell.className = "wide";
      });
    }
    element("table").tBodies[0].replaceWith(body);
    element("count").textContent = `${kept.length} of ${rows.length} runs`;
    element("more").hidden = kept.length <= limit;
  };

  const head = element("table").tHead.rows[0];
  columns.forEach((name, i) => {
    const cell = document.createElement("th");
    const button = document.createElement("button");
    cell.scope = "col";
    button.type = "button";
    button.textContent = name.replace("_", " ");
    button.addEventListener("click", () => {
      sorted = { column: i, down: sorted.column === i && !sorted.down };
      for (const other of head.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      draw();
    });
    cell.append(button);
    head.append(cell);
  });
  for (const [id, name] of [["by-solver", "solver"], ["by-status", "status"]]) {
    for (const value of [...new Set(rows.map((row) => row[place(name)]))].sort()) element(id).add(new Option(value, value));
  }
  const anew = () => { limit = STEP; draw(); };
  for (const id of ["search", "by-solver", "by-status"]) element(id).addEventListener("input", anew);
  element("filters").addEventListener("submit", (event) => event.preventDefault());
  element("more").addEventListener("click", () => { limit += STEP; draw(); });
  draw();

  const script = document.createElement("script");
  script.textContent = await unpack("plotly");
  document.head.append(script);
  const small = window.matchMedia("(max-width: 40rem)").matches;
  for (const plot of plots) {
    const box = document.createElement("div");
    box.className = "plot";
    box.id = `plot-${plot.id}`;
    element("plot-area").append(box);
    // Plotly reads markup in names and titles: angle brackets of data are shown as what they are.
    const asText = (part) => JSON.parse(JSON.stringify(part), (key, value) =>
      typeof value === "string" && !key.startsWith("hover") ? value.replace(/&/g, "&amp;").replace(/</g, "&lt;") : value);
    const escaped = asText(plot.data), layout = asText(plot.layout);
    // The legend stands below the plot and takes what room its lines need.
    const lines = Math.ceil(escaped.length / (small ? 2 : 5));
    await Plotly.newPlot(box, escaped, { ...layout, height: layout.height + 20 * lines },
      { responsive: true, displaylogo: false, scrollZoom: false });
  }
  element("plot-wait").remove();
  document.body.dataset.ready = "yes";
})();
