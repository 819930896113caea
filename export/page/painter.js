// Paints in a worker, so that the page stays responsive.
//
// Receives {id, file, accelerator, pixels, height, width, style, moments, measure}: pixels are RGBA
// bytes, style is the weight of each style in the file. A tile of a larger picture is normalised by
// `moments`, which `measure` asks for with the whole picture.
// Sends {id, pixels, moments, milliseconds, accelerator, threads}, or {id, error}.

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

async function paint({ file, accelerator, pixels, height, width, style, moments, measure }) {
  const litert = await start();
  const model = await load(litert, file, accelerator);
  const began = performance.now();
  const inputs = {
    image: new litert.Tensor(toRgb(pixels), [1, height, width, 3]),
    moments: momentsTensor(litert, model, moments),
    own_share: new litert.Tensor(Float32Array.of(moments ? 0 : 1), [1, 1, 1, 1]),
  };
  if (style.length > 1) {
    inputs.style = new litert.Tensor(Float32Array.from(style), [1, style.length]);
  }
  let outputs = {};
  try {
    outputs = await model.run('style', inputs);
    const painted = toPixels(await outputs.styled.data(), height, width);
    return {
      pixels: painted,
      moments: measure ? new Float32Array(await outputs.own_moments.data()) : null,
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
    const simd = await litert.supportsFeature('relaxedSimd');
    const threads = simd && crossOriginIsolated && (await litert.supportsFeature('threads'));
    const folder = new URL('litert/wasm/', location.href).href;
    // As LiteRT.js chooses.
    const name = simd ? (threads ? 'litert_wasm_threaded' : 'litert_wasm') : 'litert_wasm_compat';
    self.Module = {
      wasmBinary: await unpack(`${folder}${name}_internal.wasm.gz`),
      // In a worker, the runtime would request its script from the worker's folder.
      mainScriptUrlOrBlob: `${folder}${name}_internal.js`,
      print: console.debug,
      printErr: (line) => (/^(INFO|WARNING)/.test(line) ? console.debug : console.warn)(line),
    };
    await litert.loadLiteRt(folder, { threads });
    runtime = { litert, threads: threads ? navigator.hardwareConcurrency : 1 };
  }
  return runtime.litert;
}

// Loads a file that is stored compressed, as many servers compress no WebAssembly themselves.
async function unpack(address) {
  const content = await fetchFile(address);
  const [first, second] = new Uint8Array(content);
  if (first !== 0x1f || second !== 0x8b) return content; // some servers let the browser unpack it
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

async function fetchFile(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} is missing; export the page again`);
  return response.arrayBuffer();
}

async function load(litert, file, accelerator) {
  const key = `${file} ${accelerator}`;
  if (loaded.key === key) return loaded.model;
  loaded.model?.delete();
  loaded = { key: null };
  const content = new Uint8Array(await fetchFile(file));
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

function momentsTensor(litert, model, moments) {
  const input = model.signatures.style.getInputDetails().find(({ name }) => name === 'moments');
  const shape = [...input.shape];
  const values = moments ?? new Float32Array(shape.reduce((product, side) => product * side));
  return new litert.Tensor(values, shape);
}

function toRgb(pixels) {
  const rgb = new Float32Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    rgb[to++] = pixels[from];
    rgb[to++] = pixels[from + 1];
    rgb[to++] = pixels[from + 2];
  }
  return rgb;
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
