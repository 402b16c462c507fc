// The selected position: every way to choose one, and what is shown of it.

let selected = null;
let plane = 0;
const quality = content.maps[content.maps.length - 1];

// Place on the grid of the maps, null for a position that is between its points.
function placeOf(position) {
  const row = rowsByPosition(position);
  if (row === undefined || row >= nPlanes * nRows * nColumns) return null;
  return { plane: Math.floor(row / (nRows * nColumns)), y: Math.floor(row / nColumns) % nRows, x: row % nColumns };
}

function positionAt(plane, y, x) {
  return arrayOf(content.rows)[(plane * nRows + y) * nColumns + x];
}

function select(position) {
  selected = position;
  const place = placeOf(position);
  if (place !== null && place.plane !== plane) setPlane(place.plane);
  markMaps(place);
  const inputs = document.querySelectorAll("#controls input[data-axis]");
  indexOf(position).forEach((value, axis) => {
    inputs[axis].value = value;
  });
  showFit(position);
}

function showFit(position) {
  const row = rowsByPosition(position);
  const status = content.statuses[arrayOf(content.status)[row]];
  const sky = content.sky.map((axis) => `${axis.name} ${withUnit(arrayOf(axis.values)[row].toFixed(6), axis.unit)}`);
  const title = [placeText(position), ...sky].join(", ");
  document.getElementById("fit-title").textContent = title.charAt(0).toUpperCase() + title.slice(1);
  const flags = Object.keys(content.flagRows).filter((bit) => arrayOf(content.flags)[row] & bit);
  const notes = [status.meaning, ...flags.map((bit) => content.flagRows[bit] + flaggedNames(bit, row))];
  if (status.kind !== "converged") notes.push(status.remedy);
  document.getElementById("fit-status").textContent = `${notes.join("; ")}.`;
  document.getElementById("fit-drawing").replaceChildren(drawFit(position, false) ?? missingDrawing());
  showNumbers(row);
}

// Names of the parameters that a flag is about, in parentheses.
function flaggedNames(bit, row) {
  const flagged = content.parameterFlags.filter((entry) => arrayOf(entry.values)[row] & bit);
  return flagged.length > 0 ? ` (${flagged.map((entry) => entry.name).join(", ")})` : "";
}

function missingDrawing() {
  return element("p", { class: "hint" }, "The samples of this position are not in the page.");
}

function showNumbers(row) {
  const body = document.querySelector("#fit-numbers tbody");
  body.replaceChildren();
  for (const entry of content.maps) {
    const error = entry.errors === null ? NaN : arrayOf(entry.errors)[row];
    const number = arrayOf(entry.values)[row];
    const [value, errorText] = entry === quality ? [numberText(number, 5), ""] : valueAndError(number, entry.varies ? error : 0);
    const line = element("tr", { "data-name": entry.name });
    line.append(element("th", { scope: "row" }, entry.name));
    line.append(element("td", { class: "number" }, value));
    line.append(element("td", { class: "number" }, entry.errors === null ? "" : errorText));
    line.append(element("td", {}, entry.unit));
    body.append(line);
  }
  const [used, nfev] = [content.used, content.nfev].map((each) => arrayOf(each)[row]);
  const edm = arrayOf(content.edm)[row];
  const distance = Number.isFinite(edm) ? `, estimated distance to the minimum ${numberText(edm, 2)}` : "";
  document.getElementById("fit-statistics").textContent = `${used} samples used, ${nfev} evaluations of the model${distance}`;
}

function setPlane(number) {
  plane = number;
  paintMaps(plane);
  const slider = document.getElementById("plane");
  if (slider) slider.value = plane;
}

function addControls() {
  const controls = document.getElementById("controls");
  content.shape.forEach((size, axis) => {
    const label = element("label", {}, `${axis === 0 ? "Position along axis 0" : `axis ${axis}`} `);
    label.append(element("input", { type: "number", min: 0, max: size - 1, step: 1, "data-axis": axis }));
    controls.append(label);
  });
  controls.addEventListener("change", (event) => {
    if (event.target.id === "plane") {
      setPlane(Number(event.target.value));
      return;
    }
    selectTyped(controls);
  });
  if (nPlanes > 1) {
    const label = element("label", {}, "Plane of the maps ");
    label.append(element("input", { type: "range", id: "plane", min: 0, max: nPlanes - 1, value: 0 }));
    controls.append(label);
  }
}

// The position that was typed in, or the nearest one whose numbers the page holds.
function selectTyped(controls) {
  const index = [...controls.querySelectorAll("input[data-axis]")].map((input, axis) => {
    const last = content.shape.length - 2;
    const value = Math.max(0, Math.min(content.shape[axis] - 1, Math.round(Number(input.value) || 0)));
    return axis >= last ? value - (value % content.grid.step) : value;
  });
  select(index.reduce((number, value, axis) => number * content.shape[axis] + value, 0));
}

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] };

function listen({ frame }) {
  frame.addEventListener("click", (event) => {
    const box = frame.querySelector("canvas").getBoundingClientRect();
    const x = Math.floor((nColumns * (event.clientX - box.left)) / box.width);
    const y = Math.floor((nRows * (box.bottom - event.clientY)) / box.height);
    select(positionAt(plane, Math.max(0, Math.min(nRows - 1, y)), Math.max(0, Math.min(nColumns - 1, x))));
  });
  frame.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    const place = (selected === null ? null : placeOf(selected)) ?? { y: 0, x: 0 };
    const y = Math.max(0, Math.min(nRows - 1, place.y + move[0]));
    const x = Math.max(0, Math.min(nColumns - 1, place.x + move[1]));
    select(positionAt(plane, y, x));
  });
}

function addExamples() {
  const groups = document.getElementById("example-groups");
  for (const { title, positions } of content.examples) {
    const group = element("div", { class: "group" });
    const list = element("div", { class: "cards" });
    for (const position of positions) {
      const card = element("button", { type: "button", class: "card", "data-position": position });
      card.append(element("span", {}, placeText(position)));
      const drawing = drawFit(position, true);
      if (drawing !== null) card.append(drawing);
      const value = numberText(arrayOf(quality.values)[rowsByPosition(position)], 5);
      card.append(element("span", { class: "hint" }, `reduced chi-square ${value}`));
      card.addEventListener("click", () => {
        select(position);
        document.getElementById("fit").scrollIntoView({ block: "nearest" });
      });
      list.append(card);
    }
    group.append(element("h3", {}, title), list);
    groups.append(group);
  }
}

addControls();
if (content.shape.length > 0) {
  addMaps();
  paintMaps(plane);
  cards.forEach(listen);
}
addExamples();
const opening = content.examples.find((group) => group.title.startsWith("Median")) ?? content.examples[0];
select(opening ? opening.positions[0] : arrayOf(content.rows)[0]);
