// Paints in a worker, so that the page stays responsive.
//
// Receives {id, file, accelerator, pixels, height, width, style}: pixels are RGBA bytes, style is the
// weight of each style in the file.
// Sends {id, pixels, milliseconds, accelerator, threads}, or {id, error}.

let runtime;
let loaded = { key: null };
let last = Promise.resolve(); // one picture after the other, as they share the model

onmessage = ({ data }) => {
  last = last.then(() => answer(data));
};

async function answer(question) {
  try {
    const painted = await paint(question);
    postMessage({ id: question.id, ...painted }, [painted.pixels.buffer]);
  } catch (error) {
    postMessage({ id: question.id, error: String(error?.message ?? error) });
  }
}

async function paint({ file, accelerator, pixels, height, width, style }) {
  const litert = await start();
  const model = await load(litert, file, accelerator);
  const began = performance.now();
  const inputs = { image: imageTensor(litert, model, pixels, height, width) };
  if (style.length > 1) {
    inputs.style = new litert.Tensor(Float32Array.from(style), [1, style.length]);
  }
  let outputs = {};
  try {
    outputs = await model.run('style', inputs);
    const painted = toPixels(await outputs.styled.data(), height, width);
    return {
      pixels: painted,
      milliseconds: performance.now() - began,
      accelerator: loaded.accelerator,
      threads: runtime.threads,
    };
  } finally {
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
  }
}

// Loads the runtime once. Threads need the headers that `onestroke serve` sends.
async function start() {
  if (!runtime) {
    const litert = await import('./litert/core/index.js');
    const threads = crossOriginIsolated && (await litert.supportsFeature('threads'))
      && (await litert.supportsFeature('relaxedSimd'));
    const folder = new URL('litert/wasm/', location.href).href;
    // In a worker, the runtime would request its files from the worker's folder.
    self.Module = {
      locateFile: (name) => folder + name,
      mainScriptUrlOrBlob: `${folder}litert_wasm_threaded_internal.js`,
    };
    await litert.loadLiteRt(folder, { threads });
    runtime = { litert, threads: threads ? navigator.hardwareConcurrency : 1 };
  }
  return runtime.litert;
}

async function load(litert, file, accelerator) {
  const key = `${file} ${accelerator}`;
  if (loaded.key === key) return loaded.model;
  loaded.model?.delete();
  loaded = { key: null };
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file} is missing; export the page again`);
  const content = new Uint8Array(await response.arrayBuffer());
  let model;
  if (accelerator === 'webgpu') {
    model = await litert.loadAndCompile(content, { accelerator }).catch(() => undefined);
    if (model && !model.isFullyAccelerated) {
      model.delete();
      model = undefined;
    }
  }
  const used = model ? 'webgpu' : 'wasm';
  const cpuOptions = { numThreads: runtime.threads };
  model ??= await litert.loadAndCompile(content, { accelerator: 'wasm', cpuOptions });
  loaded = { key, model, accelerator: used };
  return model;
}

function imageTensor(litert, model, pixels, height, width) {
  const image = model.signatures.style.getInputDetails().find(({ name }) => name === 'image');
  const values = image.dtype === 'uint8' ? Uint8Array : Float32Array;
  const rgb = new values(height * width * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    rgb[to++] = pixels[from];
    rgb[to++] = pixels[from + 1];
    rgb[to++] = pixels[from + 2];
  }
  return new litert.Tensor(rgb, [1, height, width, 3]);
}

function toPixels(rgb, height, width) {
  const pixels = new Uint8ClampedArray(height * width * 4); // rounds, as the exports do
  for (let from = 0, to = 0; to < pixels.length; to += 4) {
    pixels[to] = rgb[from++];
    pixels[to + 1] = rgb[from++];
    pixels[to + 2] = rgb[from++];
    pixels[to + 3] = 255;
  }
  return pixels;
}
