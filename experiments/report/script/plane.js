// The plane: a point of the latent plane, and where p(x|z) puts it among the data.
function planes(run, { data, arms, steps }) {
  const [xs, ys] = run.values;
  const at = [steps >> 1, steps >> 1];
  const limit = run.limit;
  const reach = 1.1 * Math.max(...data.flat().map(Math.abs));
  const dots = (points) =>
    [...new Set(arms)].map((arm) =>
      make("path", {
        class: `dot arm-${arm % 5}`,
        d: points
          .filter((_, i) => arms[i] === arm)
          .map(([x, y]) => `M${x} ${-y}h0`)
          .join(""),
      }),
    );
  const frame = (half, label, ...inside) =>
    make(
      "svg",
      {
        viewBox: `${-half} ${-half} ${2 * half} ${2 * half}`,
        role: "img",
        "aria-label": label,
      },
      ...inside,
    );
  const cross = make("path", { class: "cross" });
  const here = make("path", { class: "here" });
  const trails = [make("path", { class: "trail" }), make("path", { class: "trail" })];
  const cloud = make("ellipse", { class: "cloud" });
  const point = make("path", { class: "here" });
  const latent = frame(
    limit,
    "the latent plane: q(z), the prior and the codes",
    make("image", {
      href: run.density,
      x: -limit,
      y: -limit,
      width: 2 * limit,
      height: 2 * limit,
    }),
    ...run.contours.map((d) =>
      make("g", { transform: "scale(1 -1)" }, make("path", { class: "prior", d })),
    ),
    ...dots(run.codes),
    cross,
    here,
  );
  latent.classList.add("latent");
  const plane = frame(
    reach,
    "the plane of the data, and the mean of p(x|z)",
    ...dots(data),
    ...trails,
    cloud,
    point,
  );
  const outputs = [make("output"), make("output")];
  const caption = make("figcaption", { "aria-live": "polite" });
  const sliders = at.map((start, axis) =>
    make("input", {
      type: "range",
      min: 0,
      max: steps - 1,
      step: 1,
      value: start,
      id: `latent-${groups++}`,
      oninput: (event) => {
        at[axis] = Number(event.target.value);
        show();
      },
    }),
  );
  const node = (i, j) => run.decoded[j * steps + i];
  const line = (points) => `M${points.map(([x, y]) => `${x} ${-y}`).join("L")}`;
  function show() {
    const [i, j] = at;
    const z = [xs[i], ys[j]];
    const mean = node(i, j);
    const deviation = run.deviation[j * steps + i];
    cross.setAttribute("d", `M${-limit} ${-z[1]}H${limit}M${z[0]} ${-limit}V${limit}`);
    here.setAttribute("d", `M${z[0]} ${-z[1]}h0`);
    point.setAttribute("d", `M${mean[0]} ${-mean[1]}h0`);
    trails[0].setAttribute("d", line(xs.map((_, k) => node(k, j))));
    trails[1].setAttribute("d", line(ys.map((_, k) => node(i, k))));
    for (const [name, value] of Object.entries({
      cx: mean[0],
      cy: -mean[1],
      rx: deviation[0],
      ry: deviation[1],
    }))
      cloud.setAttribute(name, value);
    sliders.forEach((slider, axis) => {
      slider.value = at[axis];
      slider.setAttribute("aria-valuetext", shown(z[axis], 3));
      outputs[axis].textContent = shown(z[axis], 3);
    });
    const pair = (values, digits) =>
      `(${values.map((value) => shown(value, digits)).join(", ")})`;
    caption.textContent = `data; p(x|z) has mean ${pair(mean, 3)}, standard deviations ${pair(deviation, 2)}; lines: its mean as one latent moves`;
  }
  function follow(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const area = latent.getBoundingClientRect();
    at[0] = nearest(xs, limit * ((2 * (event.clientX - area.left)) / area.width - 1));
    at[1] = nearest(ys, limit * (1 - (2 * (event.clientY - area.top)) / area.height));
    show();
  }
  latent.addEventListener("pointerdown", follow);
  latent.addEventListener("pointermove", follow);
  const list = make(
    "ul",
    { class: "latents" },
    ...sliders.map((slider, axis) =>
      make("li", {}, make("label", { for: slider.id }, sub(axis), outputs[axis]), slider),
    ),
  );
  list.style.setProperty("--steps", steps);
  show();
  return make(
    "div",
    {},
    list,
    make(
      "div",
      { class: "planes" },
      make(
        "figure",
        {},
        latent,
        make(
          "figcaption",
          {},
          `latent plane, ±${shown(limit)}: q(z) in blue, full from the prior's peak on; lines: the prior at 5 and 50 % of its peak; dots: codes, coloured by arm`,
        ),
      ),
      make("figure", {}, plane, caption),
    ),
  );
}
