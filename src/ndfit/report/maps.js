// Maps: one canvas each, a pixel a position, with the colours that the figures of ndfit have.

const [nPlanes, nRows, nColumns] = content.grid.shape;
const cards = [];

// Blues converged, greys were not expected to fit, the others failed.
const STATUS_COLOURS = {
  converged: ["#2f6ea5", "#3f80b8", "#5592c6", "#6ca4d2", "#255a88"],
  expected: ["#d98b3a", "#b4472e", "#8a5a9c", "#c9a227", "#7a3b2e", "#e0736b", "#59407a"],
  other: ["#bdbdbd", "#8c8c8c", "#d9d9d9"],
};

function element(tag, attributes = {}, text = null) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
}

function colourTable(name) {
  const digits = content.colours[name];
  const table = new Uint8Array(digits.length / 2);
  for (let i = 0; i < table.length; i += 1) table[i] = parseInt(digits.substr(2 * i, 2), 16);
  return table;
}

// A function from row to [red, green, blue], or null where there is no answer.
function colouring(values, scale) {
  const table = colourTable(scale.colours);
  const last = table.length / 3 - 1;
  return (row) => {
    const value = values[row];
    if (!Number.isFinite(value)) return null;
    const share = (value - scale.low) / (scale.high - scale.low);
    const colour = 3 * Math.max(0, Math.min(last, Math.floor(share * (last + 1))));
    return [table[colour], table[colour + 1], table[colour + 2]];
  };
}

function statusColours() {
  const status = arrayOf(content.status);
  const present = [...new Set(status)].sort((a, b) => b - a);
  const used = { converged: 0, expected: 0, other: 0 };
  const colours = new Map();
  for (const code of present) {
    const { kind } = content.statuses[code];
    const hex = STATUS_COLOURS[kind][used[kind]++ % STATUS_COLOURS[kind].length];
    colours.set(code, [1, 3, 5].map((start) => parseInt(hex.substr(start, 2), 16)));
  }
  return colours;
}

function paint(canvas, colourOf, plane) {
  const image = new ImageData(nColumns, nRows);
  for (let y = 0; y < nRows; y += 1) {
    for (let x = 0; x < nColumns; x += 1) {
      const colour = colourOf((plane * nRows + y) * nColumns + x);
      if (colour === null) continue;
      // The first row lies at the bottom.
      image.data.set([...colour, 255], 4 * ((nRows - 1 - y) * nColumns + x));
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function colourBar(scale) {
  const bar = element("canvas", { class: "bar", width: 256, height: 1, "aria-hidden": "true" });
  const colourOf = colouring(Float64Array.from({ length: 256 }, (_, i) => i + 0.5), { ...scale, low: 0, high: 256 });
  const image = new ImageData(256, 1);
  for (let i = 0; i < 256; i += 1) image.data.set([...colourOf(i), 255], 4 * i);
  bar.getContext("2d").putImageData(image, 0, 0);
  return bar;
}

function rangeOf(scale) {
  const range = element("div", { class: "range" });
  const [below, above] = scale.clipped;
  range.append(element("span", {}, (below ? "\u2264 " : "") + numberText(scale.low, 4)));
  range.append(element("span", {}, (above ? "\u2265 " : "") + numberText(scale.high, 4)));
  return range;
}

function spokenMap(title, scale) {
  return `Map of ${title}, ${nRows} rows by ${nColumns} columns, colours from ${numberText(scale.low, 4)} to ${numberText(scale.high, 4)}. Arrow keys move the selected position.`;
}

function statusKey(colours) {
  const key = element("ul", { class: "key" });
  for (const [code, colour] of colours) {
    const item = element("li", {}, content.statuses[code].meaning);
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = `rgb(${colour.join(",")})`;
    item.prepend(swatch);
    key.append(item);
  }
  return key;
}

function addCard(name, title, spoken, colourOf, details) {
  const figure = element("figure", { class: "map" });
  figure.dataset.map = name;
  const caption = element("figcaption", {}, title);
  const frame = element("div", { class: "frame", tabindex: "0", role: "application", "aria-label": spoken, "aria-describedby": "map-hint" });
  frame.style.aspectRatio = nRows === 1 ? "8 / 1" : `${nColumns} / ${nRows}`;
  const canvas = element("canvas", { width: nColumns, height: nRows, "aria-hidden": "true" });
  const mark = element("div", { class: "mark", hidden: "" });
  frame.append(canvas, mark);
  figure.append(caption, ...details, frame);
  document.getElementById("map-grid").append(figure);
  const card = { frame, canvas, mark, colourOf };
  cards.push(card);
  return card;
}

function addMaps() {
  const varying = content.maps.filter((entry) => entry.varies);
  for (const entry of varying) {
    const colourOf = colouring(arrayOf(entry.values), entry.scale);
    const details = [colourBar(entry.scale), rangeOf(entry.scale)];
    addCard(entry.name, titleOf(entry), spokenMap(titleOf(entry), entry.scale), colourOf, details);
  }
  for (const entry of varying.filter((each) => each.errors !== null)) {
    const title = `standard error of ${titleOf(entry)}`;
    const colourOf = colouring(arrayOf(entry.errors), entry.errorScale);
    const details = [colourBar(entry.errorScale), rangeOf(entry.errorScale)];
    addCard(`error of ${entry.name}`, title, spokenMap(title, entry.errorScale), colourOf, details);
  }
  const colours = statusColours();
  const status = arrayOf(content.status);
  const spoken = `Map of how the fits ended, ${nRows} rows by ${nColumns} columns. Arrow keys move the selected position.`;
  addCard("status", "how the fits ended", spoken, (row) => colours.get(status[row]), [statusKey(colours)]);
}

function paintMaps(plane) {
  for (const card of cards) paint(card.canvas, card.colourOf, plane);
}

// Put the mark on the selected position of the grid, if it is on it.
function markMaps(place) {
  for (const { mark } of cards) {
    mark.hidden = place === null;
    if (place === null) continue;
    mark.style.left = `${(100 * (place.x + 0.5)) / nColumns}%`;
    mark.style.top = `${100 - (100 * (place.y + 0.5)) / nRows}%`;
  }
}
