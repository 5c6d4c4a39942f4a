// The aggregate posterior latent by latent: means as bars, the prior as a line.
function marginals(run, level) {
  const width = 100 / run.means[0].length;
  const panels = run.order.map((latent) => {
    const means = run.means[latent];
    const prior = run.prior[latent];
    const top = Math.max(...means, ...prior) || 1;
    const height = (value) => (40 * value) / top;
    const steps = prior.map(
      (value, i) => `${i * width} ${40 - height(value)}H${(i + 1) * width}`,
    );
    const scale = Math.min(50, (50 * run.sigma[latent]) / run.limit);
    return make(
      "figure",
      { class: run.active[latent] ? null : "inactive" },
      make(
        "svg",
        {
          viewBox: "0 -6 100 47",
          preserveAspectRatio: "none",
          role: "img",
          "aria-label": `posterior of ${sub(latent)}: means ± ${shown(run.spread[latent], 2)}, mean scale σ = ${shown(run.sigma[latent], 2)}`,
        },
        ...means.map((value, i) =>
          make("rect", {
            class: "mean",
            x: i * width,
            width,
            y: 40 - height(value),
            height: height(value),
          }),
        ),
        make("path", { class: "prior", d: `M${steps.join("L")}` }),
        make("path", { class: "axis", d: "M0 40H100" }),
        make("path", { class: "scale", d: `M${50 - scale} -4H${50 + scale}` }),
      ),
      make(
        "figcaption",
        {},
        `${sub(latent)}: means ±\u00a0${shown(run.spread[latent], 2)}, σ\u00a0=\u00a0${shown(run.sigma[latent], 2)}`,
      ),
    );
  });
  return make(
    "section",
    {},
    make(level, {}, "Aggregate posterior, latent by latent"),
    make(
      "p",
      { class: "note" },
      make("i", { class: "key mean" }),
      "posterior means ",
      make("i", { class: "key prior" }),
      "prior ",
      make("i", { class: "key scale" }),
      `from −σ to σ, where σ is the mean scale of q(z|x). Below each panel are the standard deviation of the posterior means, and σ. Axes go from ${shown(-run.limit)} to ${shown(run.limit)}; every panel has its own scale of heights.`,
    ),
    make("div", { class: "panels" }, ...panels),
  );
}

// Information between latents and factors as a table that is shaded.
function information(run, { factors, points }, level, name) {
  const cell = (value) => {
    const made = make("td", {}, value.toFixed(2));
    made.style.setProperty("--share", value);
    return made;
  };
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, "latent"),
    ...factors.map((name) => make("th", { scope: "col" }, name)),
  );
  const rows = run.order.map((latent) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, sub(latent)),
      ...run.information[latent].map(cell),
    ),
  );
  return make(
    "section",
    {},
    make(level, {}, "Information of each latent about each factor"),
    make(
      "p",
      { class: "note" },
      `I(z; v)/H(v): mutual information of the posterior means (in 20 bins) and the factor, as a share of the factor's entropy; ${points.toLocaleString("en")} points.`,
    ),
    make(
      "div",
      {
        class: "scroll",
        tabindex: 0,
        role: "region",
        "aria-label": `Mutual information: ${name}`,
      },
      make("table", { class: "heat" }, make("thead", {}, head), make("tbody", {}, ...rows)),
    ),
  );
}
