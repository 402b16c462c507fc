// Numbers as text, and positions as rows of the page's arrays.

const MINUS = "\u2212";

function withMinus(text) {
  return text.replace(/-/g, MINUS);
}

// Six significant digits, or fewer.
function numberText(value, digits = 6) {
  if (!Number.isFinite(value)) return "\u2013";
  return withMinus(String(Number(value.toPrecision(digits))).replace("e+", "e"));
}

// A value and its standard error, both to the second digit of the error; without an error nine digits.
function valueAndError(value, error) {
  if (!Number.isFinite(value)) return ["\u2013", ""];
  if (!(error > 0) || !Number.isFinite(error)) return [numberText(value, 9), error === 0 ? "fixed" : "\u2013"];
  const decimals = Math.max(0, 1 - Math.floor(Math.log10(error)));
  const size = Math.abs(value);
  if (decimals <= 9 && size < 1e15 && error < 1e7) return [withMinus(value.toFixed(decimals)), error.toFixed(decimals)];
  const digits = size > error ? Math.floor(Math.log10(size)) - Math.floor(Math.log10(error)) + 1 : 2;
  return [value.toExponential(Math.min(digits, 15)), error.toExponential(1)].map((text) => withMinus(text.replace("e+", "e")));
}

function withUnit(text, unit) {
  if (unit === "\u00b0") return `${text}${unit}`;
  return unit ? `${text} ${unit}` : text;
}

function titleOf(entry) {
  return entry.unit ? `${entry.name} [${entry.unit}]` : entry.name;
}

// Index along each axis of the maps, from the number of a position.
function indexOf(position) {
  const index = [];
  let rest = position;
  for (let axis = content.shape.length - 1; axis >= 0; axis -= 1) {
    index.unshift(rest % content.shape[axis]);
    rest = Math.floor(rest / content.shape[axis]);
  }
  return index;
}

function placeText(position) {
  const index = indexOf(position);
  return index.length ? `position ${index.join(", ")}` : "the fit";
}

const rowsByPosition = (() => {
  const rows = arrayOf(content.rows);
  let found = null;
  return (position) => {
    if (rows[position] === position) return position;
    found = found || new Map(Array.from(rows, (number, row) => [number, row]));
    return found.get(position);
  };
})();

// Row of a position's samples; null where the page does not hold them.
function samplesRow(position) {
  const samples = content.samples;
  if (samples === null) return null;
  if (samples.everywhere) return position;
  const row = samples.positions.indexOf(position);
  return row < 0 ? null : row;
}
