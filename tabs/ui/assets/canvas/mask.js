// The mask: GRID x GRID cells of 0 and 1, as the server uses it. The same rules as in core/pictures/masks.py.
const FAR = 1e9;

// Each cell's squared distance to the nearest one that is set, as far as `reach`.
function distances(cells, reach) {
  const near = new Float32Array(cells.length).fill(FAR);
  cells.forEach((set, k) => {
    if (!set) return;
    const [x, y] = [k % GRID, Math.floor(k / GRID)];
    for (let v = Math.max(0, y - reach); v <= Math.min(GRID - 1, y + reach); v++)
      for (let u = Math.max(0, x - reach); u <= Math.min(GRID - 1, x + reach); u++)
        near[v * GRID + u] = Math.min(near[v * GRID + u], (u - x) ** 2 + (v - y) ** 2);
  });
  return near;
}

// Widened by a round brush of that radius; narrowed for a negative one.
function grown(cells, pixels) {
  if (pixels < 0) return inverted(grown(inverted(cells), -pixels));
  return Uint8Array.from(distances(cells, pixels), (d) => +(d <= (pixels + 0.5) ** 2));
}

function inverted(cells) {
  return cells.map((set) => 1 - set);
}

// With its soft edge, 0 .. 255. A half is rounded to even, as the server rounds.
function used(cells, feather) {
  return Uint8Array.from(distances(cells, feather), (d) => {
    let many = 0;
    for (let k = 0; k <= feather; k++) many += d <= (k + 0.5) ** 2;
    const exact = (255 * many) / (feather + 1), low = Math.floor(exact);
    return exact - low === 0.5 ? low + (low % 2) : Math.round(exact);
  });
}

// A canvas of cells: `colourOf` gives red, green, blue and alpha of cell k.
function cellsOn(canvas, colourOf) {
  const pen = penOf(canvas), sheet = pen.createImageData(GRID, GRID);
  for (let k = 0; k < GRID * GRID; k++) sheet.data.set(colourOf(k), 4 * k);
  canvas.width = canvas.height = GRID;
  pen.putImageData(sheet, 0, 0);
  return canvas;
}

function cellsOf(picture) {
  const small = blank(GRID), pen = penOf(small);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(picture, 0, 0, GRID, GRID);
  return Uint8Array.from({ length: GRID * GRID }, (_, k) => +(pen.getImageData(0, 0, GRID, GRID).data[4 * k] > 127));
}

const maskFile = () => cellsOn(blank(GRID), (k) => [255 * mask[k], 255 * mask[k], 255 * mask[k], 255]).toDataURL();

// What the run will use: the small picture, the mask with its edge, and the hole.
function preview(soft) {
  const box = document.getElementById(props.preview), sheets = box?.querySelectorAll('canvas');
  if (!sheets?.length) return;
  const small = reduced(compose(), SIDE / GRID).data, at = (k) => [small[4 * k], small[4 * k + 1], small[4 * k + 2]];
  const chequer = (k) => ((Math.floor((k % GRID) / 4) + Math.floor(k / GRID / 4)) % 2 ? 205 : 240);
  cellsOn(sheets[0], (k) => [...at(k), 255]);
  cellsOn(sheets[1], (k) => [soft[k], soft[k], soft[k], 255]);
  cellsOn(sheets[2], (k) => [...at(k).map((v) => v + ((chequer(k) - v) * soft[k]) / 255), 255]);
  const wrong = !mask.includes(1) ? props.words.empty : soft.every((v) => v > 0) ? props.words.full : '';
  box.querySelector('.caption').textContent = wrong;
}
