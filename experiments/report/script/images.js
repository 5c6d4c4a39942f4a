// The picture of a data URI, once it is decoded.
function pictureOf(uri) {
  return new Promise((resolve) => {
    if (!uri) return;
    const image = new Image();
    image.onload = () => resolve(image);
    image.src = uri;
  });
}

// Copies one tile of a sheet.
function tile(canvas, sheet, row, column, [height, width], left = 0) {
  const corner = [column * width, row * height];
  canvas
    .getContext("2d")
    .drawImage(sheet, ...corner, width, height, left, 0, width, height);
}

// Images: a slider and a strip for each latent beside the image it leads to.
function bench(run, { size, steps }, base) {
  const [height, width] = size;
  const sheet = pictureOf(run.sheets[base]);
  const latents = run.order.length; // the row of the sheet below them: base image, decoded
  const frame = { width, height, role: "img" };
  const original = make("canvas", { ...frame, "aria-label": "the base image" });
  const large = make("canvas", {
    ...frame,
    class: "large",
    "aria-label": "the decoded image",
  });
  const caption = make("figcaption", { "aria-live": "polite" });
  const list = make("ul", { class: "latents" });
  const gap = Math.max(1, Math.round(width / 16));
  list.style.setProperty("--steps", steps);
  const draw = (latent, step) =>
    sheet.then((image) => {
      const still = latent === null;
      const words = still
        ? "no latent moved"
        : `${sub(latent)} = ${shown(run.values[latent][step], 3)}`;
      tile(large, image, still ? latents : latent, still ? 1 : step, size);
      caption.textContent = still ? "decoded image" : `decoded, ${words}`;
      large.setAttribute("aria-label", `the decoded image, ${words}`);
      for (const item of list.children)
        item.classList.toggle("moved", Number(item.dataset.latent) === latent);
    });
  const resets = [];
  const reset = () => {
    for (const one of resets) one();
    draw(null);
  };
  for (const latent of run.order) {
    const { item, still, moveTo } = latentOf(run, latent, base, steps, (step) => {
      for (const one of resets) one();
      moveTo(step);
      draw(latent, step);
    });
    const strip = item.querySelector("canvas");
    strip.width = (width + gap) * steps - gap;
    strip.height = height;
    if (width > 32) strip.style.imageRendering = "auto"; // they are made smaller
    sheet.then((image) => {
      for (let step = 0; step < steps; step++) {
        tile(strip, image, latent, step, size, step * (width + gap));
      }
    });
    resets.push(still);
    list.append(item);
  }
  sheet.then((image) => tile(original, image, latents, 0, size));
  reset();
  return make(
    "div",
    { class: "bench" },
    make(
      "div",
      { class: "stage" },
      make("figure", {}, large, caption),
      make("figure", {}, original, make("figcaption", {}, "base image")),
      make("button", { type: "button", class: "plain", onclick: reset }, "Reset"),
    ),
    list,
  );
}

// The line of a latent; `still` puts its slider where the base image is.
function latentOf(run, latent, base, steps, moved) {
  const values = run.values[latent];
  const start = run.bases[base][latent];
  const output = make("output");
  const id = `latent-${groups++}`;
  const slider = make("input", { type: "range", min: 0, max: steps - 1, step: 1, id });
  const strip = make("canvas", { "aria-hidden": "true" });
  const tell = (words, more) => {
    output.textContent = words;
    slider.setAttribute("aria-valuetext", words + more);
  };
  const still = () => {
    slider.value = nearest(values, start);
    tell(shown(start, 3), ", the base");
  };
  const moveTo = (step) => {
    slider.value = step;
    tell(shown(values[step], 3), "");
  };
  slider.addEventListener("input", () => moved(Number(slider.value)));
  strip.addEventListener("click", (event) => {
    moved(Math.min(steps - 1, Math.floor((event.offsetX / strip.clientWidth) * steps)));
  });
  const active = run.active[latent];
  const name = make("label", { for: id }, `${sub(latent)}${active ? "" : " inactive"}`, output);
  const item = make(
    "li",
    { "data-latent": latent, class: active ? null : "inactive" },
    name,
    slider,
    strip,
  );
  return { item, still, moveTo };
}
