"""Training in one call: many seeds and settings of a VAE, in one compiled program.

    from decomp import fit

    vaes = fit(x, beta=[1, 4], seeds=10)      # x [N, *shape] in [0, 1]
    vaes[vaes.weights["beta"] == 4].encode(x)

A weight of the objective may be a sequence; every seed is trained with every
combination of the weights. A run depends on its seed and its weights, and on no other
run. On a CPU its bytes are the same for any runs beside it and a fixed number of
devices; elsewhere they are equal up to rounding.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding

from decomp import fit_options, runs, training, vae
from decomp.divergences.estimates import MARGINALS
from decomp.model import loss
from decomp.progress import Bar
from decomp.trained import TrainedVAE


def fit(
    data: Any,
    *,
    encoder: Any = None,
    decoder: Any = None,
    latents: int = 10,
    hidden: Sequence[int] = (128, 128),
    prior: Any = None,
    likelihood: str = "bernoulli",
    objective: str | Callable[..., jax.Array] = "beta_vae",
    divergence: str | Callable[..., jax.Array] | None = None,
    estimator: str = "symmetrised",
    groups: tuple[int, ...] = (),
    samples: int = 5,
    schedules: Mapping[str, Any] | None = None,
    critic: Any = None,
    critic_optimiser: optax.GradientTransformation | None = None,
    optimiser: optax.GradientTransformation | None = None,
    learning_rate: float = 1e-3,
    seeds: int | Sequence[int] = 1,
    batch_size: int = 64,
    steps: int | None = None,
    epochs: float | None = None,
    records: int = 50,
    block: int = 0,
    layout: str = "auto",
    progress: bool = True,
    **weights: float | Sequence[float],
) -> TrainedVAE:
    """Trains a VAE for every seed and every combination of the weights.

    Args:
        data: Examples x `[N, *shape]`, which networks get as rows `[N, X]`. For the
            Bernoulli likelihood, values must lie in [0, 1].
        encoder: A Flax module, or a pair of functions init(key, x) and
            apply(params, x), from x `[B, X]` to a `Gaussian` over z, leaves `[B, D]`.
            By default dense layers.
        decoder: Likewise, from z `[B, D]` to the logits of x `[B, X]`, or to a
            `Gaussian` over x if the likelihood is Gaussian.
        latents: Number of latents D.
        hidden: Units of each layer of the default networks.
        prior: p(z), a distribution of `decomp.priors`, or a NamedTuple of your own,
            whose module has log_prob(p, z) and sample(key, p) of one z `[D]`. A trained
            prior is a pair of initial parameters and a function from parameters to a
            distribution, such as `(jnp.zeros(10), priors.anisotropic)`. By default
            N(0, I).
        likelihood: "bernoulli" or "gaussian". The default decoder of the latter has one
            learned scale.
        objective: A key of `objectives.OBJECTIVES`, as in configs; or a function from
            `losses.Terms` and its own weights to one value per example `[B]`, which
            is maximised.
        divergence: D(q(z), p(z)), if the objective takes any: a key of
            `divergences.estimates.ESTIMATES`, or a function from a key and an
            `estimates.Minibatch` to `[]`. Where the objective does not weigh it, it is
            only recorded, in `curves["divergence"]`.
        estimator: Estimator of q(z) in a minibatch, a key of `minibatch.ESTIMATORS`.
        groups: Sizes of the groups of latents, for hfvae.
        samples: Samples of z per example, for the bound of iwae.
        schedules: How weights change during training, by name: a key of
            `schedules.SCHEDULES`, or a function from the share of training that is
            done, in [0, 1], to a factor of the weight.
        critic: A network from z `[B, D]` to logits `[B]`, for factor_vae, wae_gan and
            the divergence jensen_shannon. By default leaky ReLU layers of `hidden`.
        critic_optimiser: By default Adam at 1e-4 with decays 0.5 and 0.9.
        optimiser: By default Adam at `learning_rate`.
        learning_rate: Learning rate of Adam; unused if `optimiser` is given.
        seeds: The number of seeds, which are then 0, 1, …, or a sequence of seeds.
        batch_size: Examples per minibatch B, at most N.
        steps: Training steps of each run; by default 5,000.
        epochs: Passes over the data, of ⌊N/B⌋ steps each, instead of `steps`.
        records: Number of points of the training curves. There is one after every
            ⌊steps/records⌋ steps, or after each one, and one after the last; so there
            are more, up to twice as many, if `records` does not divide the steps.
        block: The largest number of runs that are trained together; 0 takes as many as
            fit the memory, as `runs.plan` does for sweeps, too.
        layout: How a device computes its runs, one of `runs.LAYOUTS`.
        progress: Whether to show a progress bar in a terminal or a notebook.
        **weights: Weights of the objective, such as `beta=4` or `beta=[1, 4]`, named as
            in configs; λ is `lambda_`, as `lambda` is a keyword of Python. β is 1 by
            default; other weights must be given.

    Returns:
        The trained VAEs of all runs, ordered by seed, then by combination of weights.
        A run that diverged has the parameters of the step before.

    Raises:
        ValueError: One line, for data or options that are not valid.

    >>> import numpy as np
    >>> x = np.eye(8)
    >>> vaes = fit(x, beta=[1, 4], latents=2, hidden=(4,), steps=2, batch_size=8)
    >>> vaes.encode(x).loc.shape
    (2, 8, 2)
    """
    points, shape = fit_options.rows_of(data)
    fit_options.check_choices(
        points, likelihood=likelihood, layout=layout, estimator=estimator
    )
    fit_options.check_numbers(
        len(points),
        batch_size=batch_size,
        hidden=hidden,
        learning_rate=learning_rate,
        block=block,
        latents=latents,
        samples=samples,
        records=records,
    )
    fit_options.check_optimisers(optimiser=optimiser, critic_optimiser=critic_optimiser)
    formula = fit_options.formula_of(objective, _OPTIONS)
    numbers, settings = fit_options.table_of_runs(seeds, formula, weights)
    estimate, against = fit_options.divergence_of(divergence, formula)
    total = fit_options.number_of_steps(steps, epochs, len(points), batch_size)
    optimiser = optimiser or optax.adam(learning_rate)
    if against:
        default = optax.adam(1e-4, b1=0.5, b2=0.9)  # Kim & Mnih 2018
        optimiser = training.with_critic(optimiser, critic_optimiser or default)
    networks = vae.Networks(
        *fit_options.networks_of(
            encoder, decoder, likelihood, points.shape[1], latents, hidden
        ),
        critic=fit_options.critic_of(critic, against, hidden),
        prior=fit_options.prior_of(prior, latents),
        outputs=points.shape[1],
        latents=latents,
    )
    model = vae.model(
        networks,
        formula,
        estimate,
        fit_options.schedules_of(schedules or {}, settings),
        samples=samples,
        estimator=estimator,
        size=len(points),
        groups=tuple(groups),
        against=against,
    )
    first = {name: column[0] for name, column in settings.items()}
    vae.check(networks, model, likelihood, first, batch_size, optimiser)
    fit_options.check_together(
        formula,
        divergence,
        networks.prior,
        settings,
        groups=tuple(groups),
        batch_size=batch_size,
    )
    every = max(1, total // records)
    init, advance = training.make(
        lambda key, setting: vae.start(networks, key),
        lambda params, key, *rest: loss(params, key, model, *rest),
        optimiser,
        batch_size=batch_size,
        record_every=every,
        total_steps=total,
        second=MARGINALS in against,
    )
    run = jax.random.key(0), first
    shapes = functools.partial(training.shapes, init, run, points)
    plan = runs.lay_out(
        advance,
        shapes,
        len(numbers),
        devices=jax.local_devices()[: len(numbers)],
        block=block,
        layout=layout,
    )
    params, diverged, curves = _train(
        (init, advance),
        plan,
        points,
        numbers,
        settings,
        total,
        every,
        progress=progress,
    )
    return TrainedVAE(
        seed=numbers,
        params={name: params[name] for name in ("encoder", "decoder")},
        prior=_priors(networks, params, len(numbers)),
        encoder=networks.encoder,
        decoder=networks.decoder,
        shape=shape,
        latents=latents,
        weights=settings,
        curves=curves,
        diverged=diverged,
    )


# Names that no weight of an objective may have.
_OPTIONS = frozenset(inspect.signature(fit).parameters) - {"weights"}


# ---------------------------------------------------------------------------- all runs


def _train(
    functions: tuple[Callable[..., Any], Callable[..., Any]],
    plan: runs.Plan,
    points: np.ndarray,
    numbers: np.ndarray,
    settings: dict[str, np.ndarray],
    total: int,
    every: int,
    *,
    progress: bool,
) -> tuple[Any, np.ndarray, dict[str, np.ndarray]]:
    """Trains all runs, block by block.

    Args:
        functions: `init` and `advance` of one run.
        plan: The layout of the runs.
        points: The data `[N, X]`.
        numbers: Seeds `[R]`.
        settings: Weights, `[R]` each.
        total: Steps of a run.
        every: Steps between two records.
        progress: Whether to show a progress bar.

    Returns:
        The last parameters, leaves `[R, ...]`; the step at which each run diverged, or
        −1; and the curves, `[R, records]` each.
    """
    mesh, vmapped, count = plan.mesh, plan.vmapped, len(numbers)
    init, advance = functions
    init_runs = runs.over_runs(
        init, mesh, mapped=2, shared=0, vmapped=vmapped, brief=True
    )
    advance_runs = runs.over_runs(
        advance, mesh, mapped=3, shared=2, vmapped=vmapped, donate=(0,)
    )
    shared = jax.device_put(points, NamedSharding(mesh, runs.SHARED))
    starts, blocks = range(0, count, plan.block), []
    bar = Bar(total * len(starts), shown=progress)
    for start in starts:
        # The last block is padded with copies of the last run.
        members = np.minimum(np.arange(start, start + plan.block), count - 1)
        keys = jax.vmap(jax.random.key)(numbers[members])
        setting = {name: jnp.asarray(w[members]) for name, w in settings.items()}
        state, rows, step = init_runs(keys, setting), [], 0
        while step < total:
            steps = min(every, total - step)
            state = advance_runs(state, keys, setting, shared, np.int32(steps))
            step += steps
            means = np.asarray(state.sums) / steps
            rows.append(np.insert(means.astype(float), 0, step, axis=1))
            bar.update(steps, means[:, 0])
        table = np.stack(rows, axis=1)
        blocks.append(jax.device_get((state.params, state.diverged, table)))
    bar.close()
    params, diverged, table = jax.tree.map(
        lambda *parts: np.concatenate(parts)[:count], *blocks
    )
    curves = {"step": table[..., 0].astype(int)}
    curves |= {n: table[..., i + 1] for i, n in enumerate(training.MEASURES)}
    return params, diverged, curves


def _priors(networks: vae.Networks, params: dict[str, Any], count: int) -> Any:
    """p(z) of every run, leaves `[R, ...]`."""
    if vae.is_trained(networks.prior):
        return jax.device_get(jax.vmap(networks.prior[1])(params["prior"]))
    return jax.tree.map(
        lambda leaf: np.broadcast_to(leaf, (count, *np.shape(leaf))), networks.prior
    )
