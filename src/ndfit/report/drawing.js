// One fit: samples, model and residual. Along one axis it is drawn as SVG, along two as three images.

const SVG = "http://www.w3.org/2000/svg";

function svgElement(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function samplesAt(position) {
  const row = samplesRow(position);
  if (row === null) return null;
  const { axes, data, model, used, sigma } = content.samples;
  const bits = rowOfArray(used, row);
  const samples = {
    coords: axes.map((axis) => rowOfArray(axis.values, row)),
    data: rowOfArray(data, row),
    model: rowOfArray(model, row),
    sigma: sigma === null ? null : rowOfArray(sigma, row),
  };
  samples.used = Array.from(samples.data, (_, i) => Boolean((bits[i >> 3] >> (i & 7)) & 1));
  samples.residual = samples.data.map((value, i) => value - samples.model[i]);
  return samples;
}

function extentOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  const margin = 0.05 * (high - low) || 0.5 * Math.abs(low) || 0.5;
  return [low - margin, high + margin];
}

// Round numbers between two limits.
function ticksOf([low, high], count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) ticks.push(i * step);
  return ticks;
}

function panelOf(svg, box, xExtent, yExtent) {
  const x = (value) => box.left + (box.width * (value - xExtent[0])) / (xExtent[1] - xExtent[0]);
  const y = (value) => box.top + box.height * (1 - (value - yExtent[0]) / (yExtent[1] - yExtent[0]));
  svg.append(svgElement("rect", { class: "frame-line", x: box.left, y: box.top, width: box.width, height: box.height }));
  for (const tick of ticksOf(yExtent, Math.max(4, box.height / 45))) {
    svg.append(svgElement("line", { class: "frame-line", x1: box.left, x2: box.left + 4, y1: y(tick), y2: y(tick) }));
    addText(svg, numberText(Number(tick.toPrecision(6))), box.left - 4, y(tick) + 4, "end");
  }
  for (const tick of ticksOf(xExtent, 5)) {
    const bottom = box.top + box.height;
    svg.append(svgElement("line", { class: "frame-line", x1: x(tick), x2: x(tick), y1: bottom, y2: bottom - 4 }));
    if (box.labelled) addText(svg, numberText(Number(tick.toPrecision(6))), x(tick), bottom + 14, "middle");
  }
  return { x, y, svg, box };
}

function addText(svg, text, x, y, anchor) {
  const made = svgElement("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  svg.append(made);
}

function pathOf(panel, coords, values, ordered) {
  let path = "";
  let isDown = false;
  for (const i of ordered) {
    if (Number.isFinite(coords[i]) && Number.isFinite(values[i])) {
      path += `${isDown ? "L" : "M"}${panel.x(coords[i]).toFixed(1)} ${panel.y(values[i]).toFixed(1)}`;
      isDown = true;
    } else {
      isDown = false;
    }
  }
  return path;
}

function addSamples(panel, coords, values, samples) {
  const { box, svg } = panel;
  const clipped = (value) => Math.max(box.top, Math.min(box.top + box.height, value));
  for (let i = 0; i < values.length; i += 1) {
    if (!Number.isFinite(values[i]) || !Number.isFinite(coords[i])) continue;
    const [cx, cy] = [panel.x(coords[i]), panel.y(values[i])];
    if (cy < box.top || cy > box.top + box.height) continue;
    if (samples.sigma !== null && samples.used[i]) {
      const [upper, lower] = [1, -1].map((sign) => clipped(panel.y(values[i] + sign * samples.sigma[i])));
      svg.append(svgElement("line", { class: "error-bar", x1: cx, x2: cx, y1: upper, y2: lower }));
    }
    svg.append(svgElement("circle", { class: samples.used[i] ? "sample" : "left-out", cx, cy, r: 2.1 }));
  }
}

function describedAxis(axis) {
  return axis.unit ? `${axis.name} [${axis.unit}]` : axis.name;
}

function drawLine(samples, position, small) {
  const [coords] = samples.coords;
  const size = small ? { width: 260, height: 150 } : { width: 440, height: 340 };
  const svg = svgElement("svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "img", "aria-label": `Samples and model at ${placeText(position)}` });
  const ordered = Array.from(coords.keys()).sort((a, b) => coords[a] - coords[b]);
  const usedOnly = (values) => Array.from(values).filter((_, i) => samples.used[i]);
  const xExtent = extentOf(coords);
  const left = small ? 42 : 58;
  const top = small ? 6 : 18;
  const box = { left, top, width: size.width - left - 16, height: small ? size.height - 26 : 196, labelled: small };
  const upper = panelOf(svg, box, xExtent, extentOf([...samples.data, ...samples.model]));
  const shown = samples.data.map((value, i) => (samples.used[i] ? value : NaN));
  svg.append(svgElement("path", { class: "step", d: pathOf(upper, coords, shown, ordered) }));
  if (!small) addSamples(upper, coords, samples.data, samples);
  svg.append(svgElement("path", { class: "model", d: pathOf(upper, coords, samples.model, ordered) }));
  if (small) return svg;
  const largest = 1.15 * Math.max(...usedOnly(samples.residual).filter(Number.isFinite).map(Math.abs), 0) || 1;
  const lower = panelOf(svg, { left, top: 234, width: box.width, height: 66, labelled: true }, xExtent, [-largest, largest]);
  svg.append(svgElement("line", { class: "zero", x1: left, x2: left + box.width, y1: lower.y(0), y2: lower.y(0) }));
  addSamples(lower, coords, samples.residual, samples);
  addText(svg, describedAxis(content.samples.axes[0]), left + box.width / 2, size.height - 8, "middle");
  addText(svg, "data and model" + (content.samples.unit ? ` [${content.samples.unit}]` : ""), left, 12, "start");
  addText(svg, "residual", left, 229, "start");
  return svg;
}

function drawImages(samples, position, small) {
  const [rows, columns] = content.samples.shape;
  const wrapper = element("div", { class: "images" });
  const extent = extentOf([...samples.data, ...samples.model]);
  const largest = Math.max(...Array.from(samples.residual).filter(Number.isFinite).map(Math.abs), 0) || 1;
  const kinds = [["data", samples.data, extent], ["model", samples.model, extent], ["residual", samples.residual, [-largest, largest]]];
  for (const [name, values, [low, high]] of kinds) {
    const figure = element("figure");
    const canvas = element("canvas", { width: columns, height: rows, role: "img", "aria-label": `${name} at ${placeText(position)}` });
    const image = new ImageData(columns, rows);
    values.forEach((value, i) => {
      if (!Number.isFinite(value)) return;
      const grey = Math.round((255 * (value - low)) / (high - low));
      image.data.set([grey, grey, grey, 255], 4 * ((rows - 1 - Math.floor(i / columns)) * columns + (i % columns)));
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
    figure.append(canvas);
    if (!small) figure.append(element("figcaption", {}, `${name}, ${numberText(low, 4)} to ${numberText(high, 4)}`));
    wrapper.append(figure);
  }
  return wrapper;
}

function drawFit(position, small) {
  const samples = samplesAt(position);
  if (samples === null) return null;
  return samples.coords.length === 1 ? drawLine(samples, position, small) : drawImages(samples, position, small);
}
