// What the page holds: the JSON value `content`, and its arrays, decoded on first use.

const content = JSON.parse(document.getElementById("content").textContent);
const decoded = new Map();
const TYPES = { Float64Array, Float32Array, Int32Array, Int16Array, Uint32Array, Uint8Array };

function bytesOf(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i += 1) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

function arrayOf(described) {
  if (described === null) return null;
  if (!decoded.has(described.element)) {
    const element = document.getElementById(described.element);
    decoded.set(described.element, new TYPES[described.kind](bytesOf(element.textContent).buffer));
    element.remove();
  }
  return decoded.get(described.element);
}

// One row of a two-dimensional array; what all positions share has one row.
function rowOfArray(described, row) {
  const [rows, length] = described.shape;
  const first = (rows === 1 ? 0 : row) * length;
  return arrayOf(described).subarray(first, first + length);
}
