// Writes face_networks.json: what face-api itself computes for made-up pictures.
//
//   npm install @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 \
//     @tensorflow/tfjs-backend-wasm@4.22.0
//   node make_faces.mjs
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { writeFileSync } from "node:fs";

const require = createRequire(join(process.cwd(), "package.json"));
const faceapi = require("@vladmandic/face-api/dist/face-api.node-wasm.js");
const { tf, nets } = faceapi;

// The same formula as in tests/models/test_face_networks.py.
function picture(side) {
  const values = new Float32Array(side * side * 3);
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++)
      for (let c = 0; c < 3; c++)
        values[(i * side + j) * 3 + c] = (i * j + 7 * i + 13 * j + 29 * c) % 256;
  return tf.tensor4d(values, [1, side, side, 3]);
}

await tf.setBackend("cpu");
const models = join(dirname(require.resolve("@vladmandic/face-api/package.json")), "model");
for (const net of [nets.tinyFaceDetector, nets.faceLandmark68Net, nets.faceRecognitionNet])
  await net.loadFromDisk(models);
const outputs = {
  detector: await nets.tinyFaceDetector.forward(picture(96), 96),
  landmarks: await nets.faceLandmark68Net.forward(picture(112)),
  encoder: await nets.faceRecognitionNet.forward(picture(150)),
};
const record = {};
for (const [name, tensor] of Object.entries(outputs)) record[name] = Array.from(tensor.dataSync());
writeFileSync("face_networks.json", JSON.stringify(record) + "\n");
