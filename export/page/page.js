// The page: brings pictures to the painter and its paint to the screen.

const element = (id) => document.getElementById(id);
const [picture, hint, stage, status] = ['picture', 'hint', 'stage', 'status'].map(element);
const [style, strength, detail, accelerator, compare] = [
  'style', 'strength', 'detail', 'accelerator', 'compare',
].map(element);
const [file, camera, download] = ['file', 'camera', 'download'].map(element);

const painter = new Worker('painter.js');
const waiting = new Map();
let asked = 0;

let styles = [];
let source = null; // an ImageBitmap, or the camera's <video>
let shown = null; // {photograph, painted}, two canvases of one size
let stream = null;
let frames = []; // when the last pictures of the camera were painted

painter.onmessage = ({ data }) => {
  const { resolve, reject } = waiting.get(data.id);
  waiting.delete(data.id);
  data.error ? reject(new Error(data.error)) : resolve(data);
};
painter.onerror = (event) => say(`The painter cannot start: ${event.message}`);

function ask(question) {
  return new Promise((resolve, reject) => {
    asked += 1;
    waiting.set(asked, { resolve, reject });
    painter.postMessage({ id: asked, ...question }, [question.pixels.buffer]);
  });
}

function say(text) {
  status.textContent = text;
}

// Settings -------------------------------------------------------------------------------------

async function begin() {
  ({ styles } = await (await fetch('styles.json')).json());
  for (const [position, { name }] of styles.entries()) style.add(new Option(name, position));
  fillDetails();
  const gpu = await navigator.gpu?.requestAdapter().catch(() => null);
  if (gpu) accelerator.add(new Option('WebGPU', 'webgpu'));
  accelerator.add(new Option('WebAssembly', 'wasm'));
  say('Ready.');
}

// One choice for each number of pixels; the shape follows the picture.
function fillDetails() {
  const before = detail.value;
  const sides = styles[style.value].files.map(({ height, width }) => Math.max(height, width));
  const choices = [...new Set(sides)].sort((a, b) => a - b);
  detail.replaceChildren(...choices.map((side) => new Option(`${side} pixels`, side)));
  detail.value = choices.includes(Number(before)) ? before : choices.at(-1);
}

// The file of the chosen detail whose shape loses least of it to margins.
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

// Fits the whole picture into the file's size, and mirrors it into the margins: its shape stays,
// and no border frame appears.
function fit(image, width, height, target) {
  const scale = Math.min(target.width / width, target.height / height);
  const fitted = {
    width: Math.min(target.width, Math.round(width * scale)),
    height: Math.min(target.height, Math.round(height * scale)),
  };
  fitted.left = Math.floor((target.width - fitted.width) / 2);
  fitted.top = Math.floor((target.height - fitted.height) / 2);
  const canvas = new OffscreenCanvas(target.width, target.height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  const draw = (x, y, flipX, flipY) => {
    context.setTransform(flipX ? -1 : 1, 0, 0, flipY ? -1 : 1, x, y);
    context.drawImage(image, 0, 0, fitted.width, fitted.height);
  };
  const { left, top } = fitted;
  if (left || top) {
    for (const end of left ? [left, left + 2 * fitted.width] : []) draw(end, top, true, false);
    for (const end of top ? [top, top + 2 * fitted.height] : []) draw(left, end, false, true);
  }
  draw(left, top, false, false);
  return { context, ...fitted };
}

async function paint(image, width, height) {
  const target = chooseFile(width, height);
  const fitted = fit(image, width, height, target);
  const { data } = fitted.context.getImageData(0, 0, target.width, target.height);
  const photograph = cut(new ImageData(data.slice(), target.width), fitted);
  const { index, count } = styles[style.value];
  const answer = await ask({
    file: target.file,
    accelerator: accelerator.value,
    pixels: data,
    height: target.height,
    width: target.width,
    style: { index, count },
  });
  shown = { photograph, painted: cut(new ImageData(answer.pixels, target.width), fitted) };
  return answer;
}

function cut(pixels, { left, top, width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').putImageData(pixels, -left, -top);
  return canvas;
}

// What is left of `share` of the width is painted, the rest is the photograph.
function draw(canvas, share) {
  const { photograph, painted } = shown;
  canvas.width = photograph.width;
  canvas.height = photograph.height;
  const context = canvas.getContext('2d');
  context.drawImage(photograph, 0, 0);
  context.save();
  context.beginPath();
  context.rect(0, 0, canvas.width * share, canvas.height);
  context.clip();
  context.globalAlpha = strength.value / 100;
  context.drawImage(painted, 0, 0);
  context.restore();
}

function show() {
  if (!shown) return;
  draw(picture, compare.value / 100);
  hint.hidden = true;
  compare.disabled = download.disabled = false;
  picture.setAttribute('aria-label', `Painted as ${styles[style.value].name}`);
}

const where = ({ accelerator: used, threads }) =>
  used === 'webgpu' ? 'WebGPU' : `WebAssembly, ${threads} thread${threads > 1 ? 's' : ''}`;

// Paints the picture at hand, again whenever a setting changes.
async function repaint() {
  if (!source || stream) return;
  document.body.setAttribute('aria-busy', 'true');
  say('Painting…');
  try {
    const answer = await paint(source, source.width, source.height);
    show();
    say(`${Math.round(answer.milliseconds)} ms on ${where(answer)}.`);
  } catch (error) {
    say(`Could not paint: ${error.message}`);
  } finally {
    document.body.removeAttribute('aria-busy');
  }
}

async function open(blob) {
  if (!blob) return;
  stopCamera();
  try {
    source = await createImageBitmap(blob);
  } catch {
    say('This is no picture that the browser can read; choose a JPEG, PNG or WebP.');
    return;
  }
  await repaint();
}

// Camera ---------------------------------------------------------------------------------------

async function startCamera() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch (error) {
    say(`No camera: ${error.message}`);
    return;
  }
  camera.textContent = 'Stop camera';
  camera.setAttribute('aria-pressed', 'true');
  if (Number(detail.value)) detail.selectedIndex = 0; // the fastest
  const video = document.createElement('video');
  video.muted = video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  frames = [];
  try {
    while (stream) {
      const answer = await paint(video, video.videoWidth, video.videoHeight);
      show();
      say(`${framesPerSecond()} frames a second on ${where(answer)}.`);
      await new Promise(requestAnimationFrame);
    }
  } catch (error) {
    stopCamera();
    say(`Could not paint: ${error.message}`);
  }
}

function framesPerSecond() {
  frames = [...frames.slice(-20), performance.now()];
  if (frames.length < 2) return '…';
  return ((1000 * (frames.length - 1)) / (frames.at(-1) - frames[0])).toFixed(1);
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  camera.textContent = 'Start camera';
  camera.setAttribute('aria-pressed', 'false');
}

async function save() {
  const canvas = document.createElement('canvas');
  draw(canvas, 1);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${styles[style.value].name}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Events ---------------------------------------------------------------------------------------

file.addEventListener('change', () => open(file.files[0]).then(() => (file.value = '')));
camera.addEventListener('click', () => (stream ? stopCamera() : startCamera()));
download.addEventListener('click', save);
style.addEventListener('change', () => (fillDetails(), repaint()));
detail.addEventListener('change', repaint);
accelerator.addEventListener('change', repaint);
for (const slider of [strength, compare]) slider.addEventListener('input', show);

stage.addEventListener('dragover', (event) => {
  event.preventDefault();
  stage.classList.add('dropping');
});
for (const end of ['dragleave', 'drop']) {
  stage.addEventListener(end, () => stage.classList.remove('dropping'));
}
stage.addEventListener('drop', (event) => {
  event.preventDefault();
  open(event.dataTransfer.files[0]);
});
document.addEventListener('paste', (event) => open(event.clipboardData.files[0]));

begin().catch((error) => say(`This page is incomplete: ${error.message}; export it again.`));
