// How a picture that is larger than a file is divided into tiles of the file's size. Tiles overlap by
// what the network sees around a pixel, so that the border of a tile is painted as the inside is.

// Returns the length nearest to `wanted`, and not below `tile`, that tiles can cover: each begins at a
// multiple of the network's stride.
export function coveredLength(wanted, tile, stride) {
  return tile + Math.max(0, Math.round((wanted - tile) / stride)) * stride;
}

// Returns whether tiles of this size keep enough of what they paint.
export function canTile({ height, width }, reach) {
  return Math.min(height, width) >= 4 * reach;
}

// Returns the tiles along one axis: each reads `tile` pixels from `start` on, of which those between
// `from` and `to` are kept.
export function planAxis(length, tile, { reach, stride }) {
  const step = tile - 2 * reach - stride; // less, as starts are rounded down
  const count = 1 + Math.max(0, Math.ceil((length - tile) / step));
  const starts = Array.from({ length: count }, (_, i) => (
    i && Math.floor((i * (length - tile)) / ((count - 1) * stride)) * stride
  ));
  const ends = starts.slice(1).map((start, i) => Math.floor((starts[i] + tile + start) / 2));
  return starts.map((start, i) => ({ start, from: ends[i - 1] ?? 0, to: ends[i] ?? length }));
}
