// The page: sends pictures to the painter and shows what it returns.

import { canTile, coveredLength, planAxis } from './tiles.js';

const element = (id) => document.getElementById(id);
const [picture, hint, stage, status] = ['picture', 'hint', 'stage', 'status'].map(element);
const [styleList, partner, blend, strength, detail, accelerator, compare] = [
  'styles', 'partner', 'blend', 'strength', 'detail', 'accelerator', 'compare',
].map(element);
const [file, camera, example, download, controls, blending] = [
  'file', 'camera', 'example', 'download', 'controls', 'blending',
].map(element);

const painter = new Worker('painter.js');
const waiting = new Map();
let asked = 0;
let broken = null; // the error, if the painter cannot start

let styles = [];
let chosen = 0; // index in `styles`
let crossFadeBelow; // the strength below which the painted picture also fades into the photograph
let source = null; // an ImageBitmap, the last one of the camera when it stops
// {photograph, painted, name, faded}: two canvases of one size, the style's name, and whether the
// network itself applies the strength.
let shown = null;
let stream = null;
let newest = 0; // counts requests; answers to older ones are not shown
let painting = false;
let changed = false; // while painting
let frames = []; // times of the last painted camera pictures

painter.onmessage = ({ data }) => {
  const { resolve, reject } = waiting.get(data.id);
  waiting.delete(data.id);
  data.error ? reject(new Error(data.error)) : resolve(data);
};
painter.onerror = (event) => {
  broken = new Error('the painter cannot start');
  for (const { reject } of waiting.values()) reject(broken);
  waiting.clear();
  event.preventDefault();
};

function ask(question) {
  if (broken) return Promise.reject(broken);
  return new Promise((resolve, reject) => {
    asked += 1;
    waiting.set(asked, { resolve, reject });
    painter.postMessage({ id: asked, ...question }, [question.pixels.buffer]);
  });
}

function showStatus(text) {
  status.textContent = text;
}

// Settings -------------------------------------------------------------------------------------

async function begin() {
  const content = await (await fetch('styles.json')).json();
  ({ styles, cross_fade_below: crossFadeBelow } = content);
  styleList.append(...styles.map(styleChoice));
  fillChoices();
  const gpu = await navigator.gpu?.requestAdapter().catch(() => null);
  if (gpu) accelerator.add(new Option('WebGPU, the graphics processor', 'webgpu'));
  accelerator.add(new Option('WebAssembly, the processor', 'wasm'));
  accelerator.parentElement.hidden = !gpu;
  controls.disabled = false;
  showStatus('Ready.');
  if (source) await repaint(); // dropped while the page was loading
}

// Returns a radio button with the thumbnail, the title and the painter of a style.
function styleChoice({ title, painter: by, thumbnail }, position) {
  const [label, radio, image] = ['label', 'input', 'img'].map((tag) => document.createElement(tag));
  const texts = [['b', title], ['span', by]].map(([tag, text]) => {
    const line = document.createElement(tag);
    line.textContent = text;
    return line;
  });
  label.className = 'style';
  label.title = [title, by].filter(Boolean).join(', ');
  Object.assign(radio, { type: 'radio', name: 'style', value: position, checked: !position });
  Object.assign(image, { src: thumbnail, alt: '', width: 160, height: 160 });
  label.append(radio, image, ...texts);
  return label;
}

function fillChoices() {
  fillPartners();
  fillDetails();
}

// Lists what the chosen style can be blended with: the other styles of its network.
function fillPartners() {
  const before = partner.selectedOptions[0]?.text;
  const { files, index } = styles[chosen];
  const others = styles.filter((s) => s.files[0].file === files[0].file && s.index !== index);
  partner.replaceChildren(...others.map((other) => new Option(other.title, other.index)));
  const kept = [...partner.options].find((option) => option.text === before);
  if (kept) kept.selected = true;
  element('blendable').hidden = !others.length;
  if (!others.length) blending.checked = false;
  for (const label of document.querySelectorAll('.blending')) label.hidden = !blending.checked;
}

// Returns the weight of each style of the network. With an identity style, the strength interpolates
// between that style and the chosen one.
function styleWeights() {
  const { index, count, identity } = styles[chosen];
  const weights = new Array(count).fill(0);
  const [share, full] = [blending.checked ? blend.value / 100 : 0, strength.value / 100];
  weights[index] = 1 - share;
  if (share) weights[partner.value] = share;
  if (identity === null) return weights;
  return weights.map((weight, k) => full * weight + (k === identity ? 1 - full : 0));
}

// Lists the long sides of the files, and twice and four times the largest, which are painted in tiles.
function fillDetails() {
  const before = Number(detail.value);
  const { files, reach } = styles[chosen];
  const whole = [...new Set(files.map(longSide))].sort((a, b) => a - b);
  const largest = whole.at(-1);
  const tiled = files.filter((f) => longSide(f) === largest).every((f) => canTile(f, reach));
  const choices = [
    ...whole.map((side, i) => [side, whole.length > 1 && !i ? ', fastest' : '']),
    ...(tiled ? [2 * largest, 4 * largest] : []).map((side) => [side, ', in tiles']),
  ];
  detail.replaceChildren(
    ...choices.map(([side, note]) => new Option(`${side} pixels${note}`, side)),
  );
  detail.value = choices.some(([side]) => side === before) ? before : largest;
}

const longSide = ({ height, width }) => Math.max(height, width);

// Returns the file of the chosen detail whose shape leaves the smallest margins; a picture in tiles
// takes one of the largest.
function chooseFile(width, height) {
  const { files } = styles[chosen];
  const side = Math.min(Number(detail.value), Math.max(...files.map(longSide)));
  const used = (f) => {
    const scale = Math.min(f.width / width, f.height / height);
    return (scale * width * scale * height) / (f.width * f.height);
  };
  return files
    .filter((f) => longSide(f) === side)
    .reduce((best, f) => (used(f) > used(best) ? f : best));
}

// Returns the size to paint at: that of the file, or a larger one in tiles, for which small pictures
// are not enlarged.
function chooseSize(target, width, height, { stride }) {
  const side = Math.min(Number(detail.value), Math.max(width, height));
  if (side <= longSide(target)) return target;
  const scale = side / Math.max(width, height);
  return {
    width: coveredLength(width * scale, target.width, stride),
    height: coveredLength(height * scale, target.height, stride),
  };
}

// Painting -------------------------------------------------------------------------------------

// Fits the whole picture into a size and fills the margins with mirrored copies: the shape
// is kept, and no frame appears at the border. Transparent pixels become white.
function fit(image, width, height, target) {
  const scale = Math.min(target.width / width, target.height / height);
  const fitted = {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
  fitted.left = Math.floor((target.width - fitted.width) / 2);
  fitted.top = Math.floor((target.height - fitted.height) / 2);
  const canvas = new OffscreenCanvas(target.width, target.height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.fillStyle = 'white';
  context.fillRect(0, 0, target.width, target.height);
  // Tile 0 is the picture itself; every second one is flipped.
  const columns = Math.ceil((target.width - fitted.width) / 2 / fitted.width);
  const rows = Math.ceil((target.height - fitted.height) / 2 / fitted.height);
  for (let row = -rows; row <= rows; row++) {
    for (let column = -columns; column <= columns; column++) {
      const [flipX, flipY] = [column % 2 !== 0, row % 2 !== 0];
      const x = fitted.left + (column + flipX) * fitted.width;
      const y = fitted.top + (row + flipY) * fitted.height;
      context.setTransform(flipX ? -1 : 1, 0, 0, flipY ? -1 : 1, x, y);
      context.drawImage(image, 0, 0, fitted.width, fitted.height);
    }
  }
  return { context, ...fitted };
}

// Paints and shows one picture; returns null if a newer one was requested meanwhile.
async function paint(image, width, height) {
  newest += 1;
  const turn = newest;
  const style = styles[chosen];
  const file = chooseFile(width, height);
  const size = chooseSize(file, width, height, style);
  const fitted = fit(image, width, height, size);
  const photograph = cut(fitted.context.canvas, fitted);
  const settings = { file: file.file, accelerator: accelerator.value, style: styleWeights() };
  const title = blending.checked
    ? `${style.title} and ${partner.selectedOptions[0].text}` : style.title;
  const tiles = planAxis(size.height, file.height, style).flatMap((row) =>
    planAxis(size.width, file.width, style).map((column) => ({ row, column })));
  const painted = new OffscreenCanvas(size.width, size.height).getContext('2d');
  let [answer, moments, milliseconds] = [null, null, 0];

  async function askFor({ context }, left, top, more) {
    const { data } = context.getImageData(left, top, file.width, file.height);
    answer = await ask({ ...settings, pixels: data, height: file.height, width: file.width, ...more });
    milliseconds += answer.milliseconds;
    return turn === newest && !changed;
  }

  if (tiles.length > 1) {
    // All tiles are normalised as the whole picture is, or their tones would differ.
    if (!(await askFor(fit(image, width, height, file), 0, 0, { measure: true }))) return null;
    moments = answer.moments;
  }
  for (const [position, { row, column }] of tiles.entries()) {
    if (moments) showStatus(`Painting tile ${position + 1} of ${tiles.length}…`);
    if (!(await askFor(fitted, column.start, row.start, { moments })) && moments) return null;
    if (turn !== newest) return null;
    painted.putImageData(
      new ImageData(answer.pixels, file.width), column.start, row.start,
      column.from - column.start, row.from - row.start, column.to - column.from, row.to - row.from,
    );
  }
  const faded = style.identity !== null;
  shown = { photograph, painted: cut(painted.canvas, fitted), name: title, faded };
  show();
  return { ...answer, milliseconds };
}

function cut(whole, { left, top, width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').drawImage(whole, -left, -top);
  return canvas;
}

// Draws the painted picture up to `share` of the width, and the photograph in the rest.
function draw(canvas, share) {
  const { photograph, painted, faded } = shown;
  canvas.width = photograph.width;
  canvas.height = photograph.height;
  const context = canvas.getContext('2d');
  context.drawImage(photograph, 0, 0);
  context.save();
  context.beginPath();
  context.rect(0, 0, canvas.width * share, canvas.height);
  context.clip();
  const full = strength.value / 100;
  context.globalAlpha = faded ? Math.min(1, full / crossFadeBelow) : full;
  context.drawImage(painted, 0, 0);
  context.restore();
}

function show() {
  if (!shown) return;
  draw(picture, compare.value / 100);
  hint.hidden = true;
  picture.hidden = false;
  compare.disabled = download.disabled = false;
  picture.setAttribute('aria-label', `Painted as ${shown.name}`);
}

const describeSize = () => `${shown.painted.width} x ${shown.painted.height} pixels`;

const where = ({ accelerator: used, threads }) =>
  used === 'webgpu' ? 'WebGPU' : `WebAssembly, ${threads} thread${threads > 1 ? 's' : ''}`;

// Paints the current picture, again if a setting changes, and once for several changes.
async function repaint() {
  changed = true;
  if (painting) return;
  painting = true;
  while (changed) {
    changed = false;
    await paintSource();
  }
  painting = false;
}

async function paintSource() {
  if (!source || stream || controls.disabled) return;
  document.body.setAttribute('aria-busy', 'true');
  showStatus('Painting…');
  try {
    const answer = await paint(source, source.width, source.height);
    if (answer) showStatus(`${describeSize()} in ${answer.milliseconds.toFixed()} ms on ${where(answer)}.`);
  } catch (error) {
    showStatus(`Could not paint: ${error.message}`);
  } finally {
    if (!changed) document.body.removeAttribute('aria-busy');
  }
}

async function open(blob) {
  if (!blob) return;
  stopCamera();
  newest += 1;
  const turn = newest;
  try {
    const opened = await createImageBitmap(blob);
    if (turn !== newest) return;
    replaceSource(opened);
  } catch {
    showStatus('The browser cannot read this file as a picture; choose a JPEG, PNG or WebP.');
    return;
  }
  await repaint();
}

function replaceSource(bitmap) {
  source?.close();
  source = bitmap;
}

// Camera ---------------------------------------------------------------------------------------

async function startCamera() {
  camera.disabled = true; // until the browser has asked for permission
  let mine;
  try {
    if (!navigator.mediaDevices) throw new Error('browsers allow it only on HTTPS and localhost');
    mine = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch (error) {
    showStatus(`No camera: ${error.message}`);
    return;
  } finally {
    camera.disabled = false;
  }
  stream = mine;
  camera.textContent = 'Stop camera';
  camera.setAttribute('aria-pressed', 'true');
  status.setAttribute('aria-live', 'off'); // the text changes with every picture
  const before = detail.value;
  detail.selectedIndex = 0; // the fastest
  frames = [];
  const video = document.createElement('video');
  let turn = newest;
  try {
    video.muted = video.playsInline = true;
    video.srcObject = mine;
    await video.play();
    while (stream === mine) {
      const painting = paint(video, video.videoWidth, video.videoHeight);
      turn = newest;
      const answer = await painting;
      if (stream !== mine) break;
      if (answer) showStatus(`${framesPerSecond()} frames a second on ${where(answer)}.`);
      await new Promise(requestAnimationFrame);
    }
    const frame = await createImageBitmap(video);
    if (turn === newest) replaceSource(frame); // unless a picture was opened meanwhile
  } catch (error) {
    showStatus(`Could not paint: ${error.message}`);
  }
  if (stream === mine) stopCamera();
  if (stream) return;
  detail.value = before;
  if (!detail.value) detail.selectedIndex = detail.options.length - 1; // if another style has other sizes
  if (turn === newest) await repaint();
}

function framesPerSecond() {
  frames = [...frames.slice(-20), performance.now()];
  if (frames.length < 2) return '…';
  return ((1000 * (frames.length - 1)) / (frames.at(-1) - frames[0])).toFixed(1);
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  status.setAttribute('aria-live', 'polite');
  camera.textContent = 'Start camera';
  camera.setAttribute('aria-pressed', 'false');
}

async function save() {
  const canvas = document.createElement('canvas');
  draw(canvas, 1);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${shown.name}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Events ---------------------------------------------------------------------------------------

file.addEventListener('change', () => open(file.files[0]).then(() => (file.value = '')));
camera.addEventListener('click', () => (stream ? stopCamera() : startCamera()));
download.addEventListener('click', save);
example.addEventListener('click', async () => open(await (await fetch('example.jpg')).blob()));
styleList.addEventListener('change', ({ target }) => {
  chosen = Number(target.value);
  fillChoices();
  repaint();
});
blending.addEventListener('change', () => (fillPartners(), repaint()));
for (const choice of [partner, detail, accelerator]) choice.addEventListener('change', repaint);
blend.addEventListener('input', repaint);
strength.addEventListener('input', () => (shown?.faded ? repaint() : show()));
for (const slider of [blend, strength]) {
  slider.addEventListener('input', () => {
    slider.parentElement.querySelector('output').textContent = `${slider.value} %`;
  });
}
compare.addEventListener('input', show);

// Anywhere on the page; otherwise the browser would leave the page and show the file.
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  stage.classList.add('dropping');
});
document.addEventListener('dragleave', () => stage.classList.remove('dropping'));
document.addEventListener('drop', (event) => {
  event.preventDefault();
  stage.classList.remove('dropping');
  open(event.dataTransfer.files[0]);
});
document.addEventListener('paste', (event) => open(event.clipboardData.files[0]));

if (location.protocol !== 'file:') {
  element('server').remove();
  showStatus('Loading…');
}
begin().catch((error) => showStatus(`This page is incomplete: ${error.message}; export it again.`));
