// The page: sends pictures to the painter and shows what it returns.

const element = (id) => document.getElementById(id);
const [picture, hint, stage, status] = ['picture', 'hint', 'stage', 'status'].map(element);
const [style, partner, blend, strength, detail, accelerator, compare] = [
  'style', 'partner', 'blend', 'strength', 'detail', 'accelerator', 'compare',
].map(element);
const [file, camera, download, controls] = ['file', 'camera', 'download', 'controls'].map(element);

const painter = new Worker('painter.js');
const waiting = new Map();
let asked = 0;
let broken = null; // the error, if the painter cannot start

let styles = [];
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
  for (const [position, { name }] of styles.entries()) style.add(new Option(name, position));
  fillChoices();
  const gpu = await navigator.gpu?.requestAdapter().catch(() => null);
  if (gpu) accelerator.add(new Option('WebGPU', 'webgpu'));
  accelerator.add(new Option('WebAssembly', 'wasm'));
  controls.disabled = false;
  showStatus('Ready.');
  if (source) await repaint(); // dropped while the page was loading
}

function fillChoices() {
  fillPartners();
  fillDetails();
}

// Lists what the chosen style can be blended with: the other styles of its network.
function fillPartners() {
  const before = partner.selectedOptions[0]?.text;
  const { files, index } = styles[style.value];
  const others = styles.filter((s) => s.files[0].file === files[0].file && s.index !== index);
  const options = others.map((other) => new Option(other.name, other.index));
  partner.replaceChildren(new Option('nothing', ''), ...options);
  const kept = options.find((option) => option.text === before);
  if (kept) kept.selected = true;
  for (const label of document.querySelectorAll('.blending')) label.hidden = !others.length;
  blend.disabled = !partner.value;
}

// Returns the weight of each style of the network. With an identity style, the strength interpolates
// between that style and the chosen one.
function styleWeights() {
  const { index, count, identity } = styles[style.value];
  const weights = new Array(count).fill(0);
  const [share, full] = [partner.value ? blend.value / 100 : 0, strength.value / 100];
  weights[index] = 1 - share;
  if (share) weights[partner.value] = share;
  if (identity === null) return weights;
  return weights.map((weight, k) => full * weight + (k === identity ? 1 - full : 0));
}

// Lists one choice per number of pixels; the shape follows the picture.
function fillDetails() {
  const before = detail.value;
  const sides = styles[style.value].files.map(({ height, width }) => Math.max(height, width));
  const choices = [...new Set(sides)].sort((a, b) => a - b);
  detail.replaceChildren(...choices.map((side) => new Option(`${side} pixels`, side)));
  detail.value = choices.includes(Number(before)) ? before : choices.at(-1);
}

// Returns the file of the chosen detail whose shape leaves the smallest margins.
function chooseFile(width, height) {
  const side = Number(detail.value);
  const files = styles[style.value].files.filter((f) => Math.max(f.height, f.width) === side);
  const used = (f) => {
    const scale = Math.min(f.width / width, f.height / height);
    return (scale * width * scale * height) / (f.width * f.height);
  };
  return files.reduce((best, f) => (used(f) > used(best) ? f : best));
}

// Painting -------------------------------------------------------------------------------------

// Fits the whole picture into the file's size and fills the margins with mirrored copies: the shape
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
  const columns = Math.ceil(fitted.left / fitted.width);
  const rows = Math.ceil(fitted.top / fitted.height);
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
  const target = chooseFile(width, height);
  const fitted = fit(image, width, height, target);
  const { data } = fitted.context.getImageData(0, 0, target.width, target.height);
  const photograph = cut(new ImageData(data.slice(), target.width), fitted);
  const { identity, name } = styles[style.value];
  const blended = partner.value ? `${name} and ${partner.selectedOptions[0].text}` : name;
  const answer = await ask({
    file: target.file,
    accelerator: accelerator.value,
    pixels: data,
    height: target.height,
    width: target.width,
    style: styleWeights(),
  });
  if (turn !== newest) return null;
  const painted = cut(new ImageData(answer.pixels, target.width), fitted);
  shown = { photograph, painted, name: blended, faded: identity !== null };
  show();
  return answer;
}

function cut(pixels, { left, top, width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').putImageData(pixels, -left, -top);
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
  compare.disabled = download.disabled = false;
  picture.setAttribute('aria-label', `Painted as ${shown.name}`);
}

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
    if (answer) showStatus(`${Math.round(answer.milliseconds)} ms on ${where(answer)}.`);
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
  const chosen = detail.value;
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
  detail.value = chosen;
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
style.addEventListener('change', () => (fillChoices(), repaint()));
partner.addEventListener('change', () => ((blend.disabled = !partner.value), repaint()));
for (const choice of [detail, accelerator]) choice.addEventListener('change', repaint);
blend.addEventListener('input', repaint);
strength.addEventListener('input', () => (shown?.faded ? repaint() : show()));
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
