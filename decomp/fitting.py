"""Training in one call: many seeds and settings of a VAE, in one compiled program.

    from decomp import fit

    vaes = fit(x, beta=[1, 4], seeds=10)      # x [N, *shape] in [0, 1]
    vaes[vaes.weights["beta"] == 4].encode(x)

A weight of the objective may be a sequence; every seed is trained with every
combination of the weights. A run depends on its seed and its weights, and on no other
run. On a CPU its bytes are the same for any runs beside it and a fixed number of
devices; elsewhere they are equal up to rounding.
"""

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from decomp import extras, losses, minibatch, objectives, priors, runs, schedules, vae
from decomp import model as models
from decomp import training as steps_of
from decomp.divergences.estimates import CRITICS, ESTIMATES, MARGINALS
from decomp.objectives import FREE, NONE, OBJECTIVES
from decomp.progress import Bar
from decomp.trained import LIKELIHOODS, TrainedVAE

# Functions of `losses` that need a divergence.
_WEIGH_D: tuple[Callable[..., jax.Array], ...] = (
    *(losses.alpha_beta, losses.factor_vae, losses.info_vae),
    *(losses.wae, losses.dip_vae),
)


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
        prior: p(z), a distribution of `decomp.priors`. A trained prior is a pair of
            initial parameters and a function from parameters to a distribution, such
            as `(jnp.zeros(10), priors.anisotropic)`. By default N(0, I).
        likelihood: "bernoulli" or "gaussian". The default decoder of the latter has one
            learned scale.
        objective: A key of `objectives.OBJECTIVES`, as in configs; or a function from
            `losses.Terms` and its own weights to one value per example `[B]`, which
            is maximised.
        divergence: D(q(z), p(z)), if the objective takes any: a key of
            `divergences.estimates.ESTIMATES`, or a function from a key and an
            `estimates.Minibatch` to `[]`.
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
        epochs: Passes over the data, instead of `steps`.
        records: Number of points of the training curves.
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
    points, shape = _points(data)
    _check(points, likelihood, batch_size, learning_rate, records, layout, estimator)
    formula = _formula(objective)
    numbers, settings = _runs(seeds, formula, weights)
    estimate, against = _divergence(divergence, formula)
    total = _steps(steps, epochs, len(points), batch_size)
    optimiser = optimiser or optax.adam(learning_rate)
    if against:
        usual = optax.adam(1e-4, b1=0.5, b2=0.9)  # Kim & Mnih 2018
        optimiser = steps_of.with_critic(optimiser, critic_optimiser or usual)
    networks = vae.Networks(
        *_networks(encoder, decoder, likelihood, points.shape[1], latents, hidden),
        critic=_critic(critic, against, hidden),
        prior=priors.isotropic(latents) if prior is None else prior,
        outputs=points.shape[1],
        latents=latents,
    )
    model = vae.model(
        networks,
        formula,
        estimate,
        _schedules(schedules or {}, settings),
        samples=samples,
        estimator=estimator,
        size=len(points),
        groups=tuple(groups),
        against=against,
    )
    first = {name: column[0] for name, column in settings.items()}
    vae.check(networks, model, likelihood, first, batch_size)
    every = max(1, total // records)
    init, advance = steps_of.make(
        lambda key, setting: vae.start(networks, key),
        lambda params, key, *rest: models.loss(params, key, model, *rest),
        optimiser,
        batch_size=batch_size,
        record_every=every,
        total_steps=total,
        second=MARGINALS in against,
    )
    state, curves = _train(
        init,
        advance,
        points,
        numbers,
        settings,
        total,
        every,
        layout,
        progress=progress,
    )
    count = len(numbers)
    state = jax.tree.map(lambda leaf: np.asarray(leaf)[:count], state)
    return TrainedVAE(
        seed=numbers,
        params={name: state.params[name] for name in ("encoder", "decoder")},
        prior=_priors(networks, state.params, count),
        encoder=networks.encoder,
        decoder=networks.decoder,
        shape=shape,
        latents=latents,
        weights=settings,
        curves=curves,
        diverged=state.diverged,
    )


# ---------------------------------------------------------------------------- all runs


def _train(
    init: Callable[..., Any],
    advance: Callable[..., Any],
    points: np.ndarray,
    numbers: np.ndarray,
    settings: dict[str, np.ndarray],
    total: int,
    every: int,
    layout: str,
    *,
    progress: bool,
) -> tuple[steps_of.State, dict[str, np.ndarray]]:
    """The states of all runs after the last step, and the curves `[R, records]`."""
    devices = jax.local_devices()[: len(numbers)]
    mesh, count = runs.over(devices), len(numbers)
    spare = np.minimum(np.arange(-(-count // len(devices)) * len(devices)), count - 1)
    keys = jax.vmap(jax.random.key)(numbers[spare])
    setting = {name: jnp.asarray(w[spare]) for name, w in settings.items()}
    vmapped = runs.is_vmapped(layout, devices[0].platform)
    begin = runs.over_runs(init, mesh, mapped=2, shared=0, vmapped=vmapped, brief=True)
    go = runs.over_runs(advance, mesh, mapped=3, shared=2, vmapped=vmapped, donate=(0,))
    state = begin(keys, setting)
    rows, done, bar = [], 0, Bar(total, shown=progress)
    while done < total:
        taken = min(every, total - done)
        state = go(state, keys, setting, points, np.int32(taken))
        done += taken
        means = np.asarray(state.sums)[:count] / taken
        rows.append(np.concatenate([np.full((count, 1), done), means], axis=1))
        bar.update(taken, means[:, 0])
    bar.close()
    table = np.stack(rows, axis=1)
    curves = {"step": table[..., 0].astype(int)}
    curves |= {n: table[..., i + 1] for i, n in enumerate(steps_of.MEASURES)}
    return state, curves


def _priors(networks: vae.Networks, params: dict[str, Any], count: int) -> Any:
    """p(z) of every run, leaves `[R, ...]`."""
    if vae.is_trained(networks.prior):
        return jax.device_get(jax.vmap(networks.prior[1])(params["prior"]))
    return jax.tree.map(
        lambda leaf: np.broadcast_to(leaf, (count, *np.shape(leaf))), networks.prior
    )


# -------------------------------------------------------------------- what may be asked


def _points(data: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Rows `[N, X]` of float32, and the shape of one x."""
    array = np.asarray(data, np.float32)
    if array.ndim < 2 or len(array) < 2 or not array.size:
        raise ValueError(
            f"data must have the shape [N, ...] with at least 2 examples; got "
            f"{list(array.shape)}."
        )
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        raise ValueError(
            f"data must be finite; {bad.sum()} of {len(array)} examples have NaN or "
            "infinity."
        )
    return array.reshape(len(array), -1), array.shape[1:]


def _check(
    points: np.ndarray,
    likelihood: str,
    batch_size: int,
    learning_rate: float,
    records: int,
    layout: str,
    estimator: str,
) -> None:
    _choose("likelihood", likelihood, LIKELIHOODS)
    _choose("layout", layout, runs.LAYOUTS)
    _choose("estimator", estimator, minibatch.ESTIMATORS)
    low, high = points.min(), points.max()
    if likelihood == "bernoulli" and not 0 <= low <= high <= 1:
        raise ValueError(
            f"data must lie in [0, 1] for the Bernoulli likelihood; got values from "
            f"{low:g} to {high:g}. Scale them, or choose likelihood='gaussian'."
        )
    if not 1 <= batch_size <= len(points):
        raise ValueError(
            f"batch_size must be from 1 to {len(points)}, the number of examples; got "
            f"{batch_size}."
        )
    if not 0 < learning_rate < np.inf:
        raise ValueError(
            f"learning_rate must be positive and finite; got {learning_rate}."
        )
    if records < 1:
        raise ValueError(f"records must be at least 1; got {records}.")


def _choose(what: str, name: Any, choices: Any) -> None:
    if name not in choices:
        raise ValueError(f"unknown {what} {name!r}; choices: {', '.join(choices)}.")


def _formula(objective: str | Callable[..., jax.Array]) -> objectives.Formula:
    """The objective by its name, or made of a function of terms and weights."""
    if isinstance(objective, str):
        _choose("objective", objective, OBJECTIVES)
        return OBJECTIVES[objective]
    _, *read = inspect.signature(objective).parameters.values()
    names = {_plain(parameter.name): parameter for parameter in read}

    def value(terms: losses.Terms, weights: Mapping[str, jax.Array]) -> jax.Array:
        given = {p.name: weights[name] for name, p in names.items() if name in weights}
        return objective(terms, **given)

    return objectives.Formula(
        objective.__name__,
        "",
        value,
        tuple(names),
        FREE if objective in _WEIGH_D else NONE,
        # The compiler removes the parts if the function does not read them.
        has_parts=True,
        optional=tuple(n for n, p in names.items() if p.default is not p.empty),
    )


def _plain(name: str) -> str:
    """The name of a weight, without the _ that distinguishes it from a keyword."""
    return name.removesuffix("_")


def _divergence(
    divergence: str | Callable[..., jax.Array] | None, formula: objectives.Formula
) -> tuple[Callable[..., jax.Array] | None, tuple[str, ...]]:
    """The estimate of D(q(z), p(z)), and what its critic, if any, tells q(z) from."""
    name = getattr(divergence, "__name__", divergence)
    if divergence is not None and formula.divergence not in (FREE, NONE):
        raise ValueError(
            f"the objective {formula.name} has its own divergence, "
            f"{formula.divergence}, and takes no other; got {name}."
        )
    if divergence is None and formula.divergence == FREE:
        raise ValueError(
            f"the objective {formula.name} needs a divergence: a function or one of "
            f"{', '.join(ESTIMATES)}; got none."
        )
    chosen = formula.divergence if divergence is None else divergence
    if not isinstance(chosen, str):
        return chosen, ()
    if chosen == NONE:
        return None, ()
    _choose("divergence", chosen, ESTIMATES)
    return ESTIMATES[chosen], (CRITICS[chosen],) if chosen in CRITICS else ()


def _critic(critic: Any, against: tuple[str, ...], hidden: Sequence[int]) -> Any:
    """The critic: the given one, the default one, or None if none is needed."""
    if not against and critic is not None:
        raise ValueError(
            f"critic is only for the divergences {', '.join(CRITICS)}; got another."
        )
    if critic is not None or not against:
        return critic
    extras.require("flax")
    from decomp.networks.discriminator import Discriminator

    return Discriminator(tuple(hidden), initialiser="flax")


def _schedules(
    chosen: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, vae.Schedule]:
    found = {}
    for name, schedule in chosen.items():
        if _plain(name) not in settings:
            raise ValueError(
                f"schedules must be of weights of the objective, "
                f"{', '.join(settings) or 'which has none'}; got {name}."
            )
        if not callable(schedule):
            _choose("schedule", schedule, schedules.SCHEDULES)
            schedule = schedules.SCHEDULES[schedule]
        found[_plain(name)] = schedule
    return found


def _runs(
    seeds: Any, formula: objectives.Formula, weights: dict[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The seed and the weights of every run `[R]`."""
    chosen = np.arange(seeds) if np.ndim(seeds) == 0 else np.asarray(seeds)
    if not chosen.size or chosen.dtype.kind not in "iu" or chosen.min() < 0:
        raise ValueError(
            f"seeds must be a number of seeds, at least 1, or a sequence of whole "
            f"numbers ≥ 0; got {seeds}."
        )
    weights = {_plain(name): weight for name, weight in weights.items()}
    if unread := [name for name in weights if name not in formula.weights]:
        raise ValueError(
            f"the objective {formula.name} has the weights "
            f"{', '.join(formula.weights) or 'none'}; got {', '.join(unread)}."
        )
    if "beta" in formula.weights and "beta" not in formula.optional:
        weights = {"beta": 1.0} | weights
    missing = set(formula.weights) - set(formula.optional) - set(weights)
    if missing:
        raise ValueError(
            f"the objective {formula.name} needs the weights "
            f"{', '.join(sorted(missing))}; got {', '.join(weights) or 'none'}."
        )
    axes = [np.atleast_1d(np.asarray(w, np.float32)) for w in weights.values()]
    for name, axis in zip(weights, axes, strict=True):
        if axis.ndim != 1 or not axis.size or np.isnan(axis).any():
            raise ValueError(
                f"{name} must be a number or a sequence of numbers; got "
                f"{weights[name]}."
            )
    table = list(itertools.product(*axes))
    columns = np.asarray(table, np.float32).reshape(len(table), len(axes)).T
    seed = np.repeat(chosen, len(table)).astype(np.int32)
    return seed, {
        name: np.tile(column, len(chosen))
        for name, column in zip(weights, columns, strict=True)
    }


def _steps(steps: int | None, epochs: float | None, size: int, batch_size: int) -> int:
    if steps is not None and epochs is not None:
        raise ValueError("only one of steps and epochs may be given; got both.")
    total = round(epochs * (size // batch_size)) if epochs is not None else steps
    total = 5_000 if total is None else total
    if total < 1:
        raise ValueError(
            f"training must take at least one step, and an epoch has "
            f"{size // batch_size}; got "
            f"{f'epochs={epochs}' if steps is None else f'steps={steps}'}."
        )
    return total


def _networks(
    encoder: Any,
    decoder: Any,
    likelihood: str,
    outputs: int,
    latents: int,
    hidden: Sequence[int],
) -> tuple[Any, Any]:
    """Encoder and decoder; dense ones by default."""
    if encoder is not None and decoder is not None:
        return encoder, decoder
    extras.require("flax")
    from decomp.networks import dense
    from decomp.networks.shared_scale import SharedScale

    layers = tuple(hidden)
    if decoder is None:
        decoder = dense.BernoulliDecoder(outputs, layers, initialiser="flax")
        decoder = decoder if likelihood == "bernoulli" else SharedScale(decoder)
    if encoder is None:
        encoder = dense.DenseEncoder(
            latents, layers, scale_link="exp", initialiser="flax"
        )
    return encoder, decoder
