"""The options of `decomp.fit`: what they may be, and what they stand for.

Each error is one line that says what is wrong, and then what is allowed.
"""

import inspect
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from decomp import (
    distributions,
    extras,
    losses,
    minibatch,
    numerics,
    objectives,
    priors,
    runs,
    schedules,
    vae,
)
from decomp.distributions.subspaces import Subspaces
from decomp.divergences.estimates import (
    COVARIANCES,
    CRITICS,
    ESTIMATES,
    FACTORISED,
    PRIOR,
)
from decomp.objectives import FREE, NONE, OBJECTIVES
from decomp.trained import LIKELIHOODS

_REAL = (jnp.floating, jnp.integer, jnp.bool_)
# Functions of `losses` that need a divergence.
_WEIGH_D: tuple[Callable[..., jax.Array], ...] = (
    *(losses.alpha_beta, losses.factor_vae, losses.info_vae),
    *(losses.wae, losses.dip_vae),
)


def rows_of(data: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Rows `[N, X]` of float32, and the shape of one x."""
    kind = "a masked array" if np.ma.isMaskedArray(data) else ""
    try:
        array = np.asarray(data)
        real = array.dtype == object or any(
            jnp.issubdtype(array.dtype, k) for k in _REAL
        )
        kind = kind or ("" if real else f"{array.dtype} values")
        array = array.astype(np.float32) if real else array
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"data must be an array of numbers [N, ...]: {error}."
        ) from None
    if kind:
        raise ValueError(f"data must be an array of real numbers [N, ...]; got {kind}.")
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


def check_choices(
    points: np.ndarray, *, likelihood: str, layout: str, estimator: str
) -> None:
    """Checks the options that are names, and that the data fit the likelihood."""
    _choose("likelihood", likelihood, LIKELIHOODS)
    _choose("layout", layout, runs.LAYOUTS)
    _choose("estimator", estimator, minibatch.ESTIMATORS)
    low, high = points.min(), points.max()
    if likelihood == "bernoulli" and not 0 <= low <= high <= 1:
        raise ValueError(
            f"data must lie in [0, 1] for the Bernoulli likelihood; got values from "
            f"{low:g} to {high:g}. Scale them, or choose likelihood='gaussian'."
        )


def check_numbers(
    size: int,
    *,
    batch_size: int,
    hidden: Sequence[int],
    learning_rate: float,
    block: int,
    **counts: int,
) -> None:
    """Checks the options that are numbers; `counts` must be at least 1."""
    least = dict.fromkeys(counts, 1) | {"block": 0}
    for name, value in (counts | {"block": block}).items():
        if not _is_whole(value) or value < least[name]:
            raise ValueError(
                f"{name} must be a whole number of at least {least[name]}; got "
                f"{value!r}."
            )
    if not _is_whole(batch_size) or not 1 <= batch_size <= size:
        raise ValueError(
            f"batch_size must be from 1 to {size}, the number of examples; got "
            f"{batch_size!r}."
        )
    widths = hidden if np.iterable(hidden) else [hidden, None]
    if not all(_is_whole(width) and width > 0 for width in widths):
        raise ValueError(
            f"hidden must be the units of each layer, such as (128, 128); got "
            f"{hidden!r}."
        )
    if not np.isreal(learning_rate) or not 0 < learning_rate < np.inf:
        raise ValueError(
            f"learning_rate must be positive and finite; got {learning_rate!r}."
        )


def check_optimisers(**optimisers: Any) -> None:
    """Checks that optimisers come from optax, or are None for the default."""
    for name, optimiser in optimisers.items():
        if optimiser is not None and not hasattr(optimiser, "update"):
            raise ValueError(
                f"{name} must be an optimiser of optax, such as optax.adam(1e-3); got "
                f"{optimiser!r}."
            )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _choose(what: str, name: Any, choices: Any) -> None:
    if name not in choices:
        raise ValueError(f"unknown {what} {name!r}; choices: {', '.join(choices)}.")


def formula_of(
    objective: str | Callable[..., jax.Array], reserved: Collection[str]
) -> objectives.Formula:
    """The objective of a name, or of a function of terms and weights.

    Args:
        objective: The name or the function.
        reserved: Names that no weight may have, as they are options of `decomp.fit`.
    """
    if isinstance(objective, str):
        _choose("objective", objective, OBJECTIVES)
        return OBJECTIVES[objective]
    if not callable(objective):
        raise ValueError(
            f"objective must be a function or one of {', '.join(OBJECTIVES)}; got "
            f"{objective!r}."
        )
    title = getattr(objective, "__name__", type(objective).__name__)
    signature = inspect.signature(objective)
    parameters = [*signature.parameters.values()][1:]  # the first one is the terms
    names = {_plain(parameter.name): parameter for parameter in parameters}
    starred = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    if not signature.parameters or any(p.kind in starred for p in parameters):
        raise ValueError(
            "objective must be a function of losses.Terms and of its weights by name, "
            f"such as (terms, beta); got {title}{signature}."
        )
    if taken := [name for name in names if name in reserved]:
        raise ValueError(
            f"a weight of the objective {title} must not have the name of an option of "
            f"fit; got {', '.join(taken)}."
        )
    own = (f for f in OBJECTIVES.values() if getattr(losses, f.name, 0) is objective)
    published = next(own, None)

    def value(terms: losses.Terms, weights: Mapping[str, jax.Array]) -> jax.Array:
        arguments = {
            p.name: weights[name] for name, p in names.items() if name in weights
        }
        return objective(terms, **arguments)

    return objectives.Formula(
        title,
        "",
        value,
        tuple(names),
        FREE if objective in _WEIGH_D else NONE,
        # The compiler removes the parts if the function does not read them.
        has_parts=True,
        optional=tuple(n for n, p in names.items() if p.default is not p.empty),
        factorised=published.factorised if published else "",
    )


def _plain(name: str) -> str:
    """The name of a weight, without the _ that distinguishes it from a keyword."""
    return name.removesuffix("_")


def divergence_of(
    divergence: str | Callable[..., jax.Array] | None, formula: objectives.Formula
) -> tuple[Callable[..., jax.Array] | None, tuple[str, ...]]:
    """The estimate of D(q(z), p(z)), and what its critic, if any, compares q(z) to."""
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
    estimate = formula.divergence if divergence is None else divergence
    if not isinstance(estimate, str):
        return estimate, ()
    if estimate == NONE:
        return None, ()
    _choose("divergence", estimate, ESTIMATES)
    return ESTIMATES[estimate], (CRITICS[estimate],) if estimate in CRITICS else ()


def critic_of(critic: Any, against: tuple[str, ...], hidden: Sequence[int]) -> Any:
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


def schedules_of(
    chosen: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, vae.Schedule]:
    """The schedules by the name of their weight."""
    functions = {}
    for name, schedule in chosen.items():
        if _plain(name) not in settings:
            raise ValueError(
                f"schedules must be for weights of the objective, "
                f"{', '.join(settings) or 'which has none'}; got {name}."
            )
        if not callable(schedule):
            _choose("schedule", schedule, schedules.SCHEDULES)
            schedule = schedules.SCHEDULES[schedule]
        functions[_plain(name)] = schedule
    return functions


def table_of_runs(
    seeds: Any, formula: objectives.Formula, weights: dict[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The seed and the weights of every run `[R]`."""
    numbers = np.asarray(range(seeds) if _is_whole(seeds) else seeds)
    whole = numbers.size and numbers.dtype.kind in "iu" and numbers.ndim == 1
    if not whole or not 0 <= numbers.min() <= numbers.max() < 2**31:
        raise ValueError(
            f"seeds must be a number of seeds, at least 1, or a sequence of whole "
            f"numbers from 0 to 2³¹ − 1; got {seeds!r}."
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
    axes = [_numbers(name, weight) for name, weight in weights.items()]
    table = list(itertools.product(*axes))
    columns = np.asarray(table, np.float32).reshape(len(table), len(axes)).T
    seed = np.repeat(numbers, len(table)).astype(np.int32)
    return seed, {
        name: np.tile(column, len(numbers))
        for name, column in zip(weights, columns, strict=True)
    }


def _numbers(name: str, weight: Any) -> np.ndarray:
    """The values of a weight `[values]`."""
    try:
        axis = np.atleast_1d(np.asarray(weight, np.float32))
    except (ValueError, TypeError):
        axis = np.zeros(0)
    if axis.ndim != 1 or not axis.size or np.isnan(axis).any():
        raise ValueError(
            f"{name} must be a number or a sequence of numbers; got {weight!r}."
        )
    return axis


def number_of_steps(
    steps: int | None, epochs: float | None, size: int, batch_size: int
) -> int:
    """The number of training steps of a run."""
    if steps is not None and epochs is not None:
        raise ValueError("only one of steps and epochs may be given; got both.")
    if steps is not None and not _is_whole(steps):
        raise ValueError(f"steps must be a whole number; got {steps!r}.")
    if epochs is not None and (not np.isreal(epochs) or not np.isfinite(epochs)):
        raise ValueError(f"epochs must be a finite number; got {epochs!r}.")
    total = round(epochs * (size // batch_size)) if epochs is not None else steps
    total = 5_000 if total is None else total
    if total < 1:
        raise ValueError(
            f"training must take at least one step, and an epoch has "
            f"{size // batch_size}; got "
            f"{f'epochs={epochs}' if steps is None else f'steps={steps}'}."
        )
    return total


def networks_of(
    encoder: Any,
    decoder: Any,
    likelihood: str,
    outputs: int,
    latents: int,
    hidden: Sequence[int],
) -> tuple[Any, Any]:
    """Encoder and decoder; dense ones by default."""
    for name, network in {"encoder": encoder, "decoder": decoder}.items():
        is_pair = isinstance(network, tuple) and len(network) == 2
        is_module = hasattr(network, "init") and not isinstance(network, type)
        if not (network is None or is_pair or is_module):
            got = getattr(network, "__name__", f"a {type(network).__name__}")
            raise ValueError(
                f"{name} must be a module of flax.linen or a pair of functions (init, "
                f"apply); got {got}."
            )
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


def prior_of(prior: Any, latents: int) -> Any:
    """p(z), or the initial parameters of a trained one and a function of them."""
    if prior is None:
        return priors.isotropic(latents)
    if not vae.is_trained(prior):
        return prior
    if len(prior) != 2 or callable(prior[0]) or not callable(prior[1]):
        raise ValueError(
            "a trained prior must be a pair of initial parameters and a function from "
            "parameters to a distribution; got a tuple of "
            f"{', '.join(type(part).__name__ for part in prior) or 'nothing'}."
        )
    start, build = prior
    return jax.tree.map(lambda leaf: numerics.floats(leaf)[0], start), build


def check_together(
    formula: objectives.Formula,
    divergence: Any,
    prior: Any,
    settings: Mapping[str, np.ndarray],
    *,
    groups: tuple[int, ...],
    batch_size: int,
) -> None:
    """Checks that objective, divergence, prior and minibatch go together."""
    name = formula.divergence if divergence is None else divergence
    name = name if isinstance(name, str) else ""
    if divergence is None and formula not in OBJECTIVES.values():
        weights = {weight: column[0] for weight, column in settings.items()}
        _check_reading(formula, weights, batch_size)
    pairs = name in ESTIMATES and CRITICS.get(name) != PRIOR
    if formula in OBJECTIVES.values() and formula.has_parts:
        pairs = True
    if pairs and batch_size == 1:
        raise ValueError(
            f"batch_size must be at least 2, as the objective {formula.name} compares "
            "the points of a minibatch; got 1."
        )
    p = prior[1](prior[0]) if vae.is_trained(prior) else prior
    _check_prior(p, formula, name, groups, settings)


def _check_prior(
    p: Any,
    formula: objectives.Formula,
    divergence: str,
    groups: tuple[int, ...],
    settings: Mapping[str, np.ndarray],
) -> None:
    """Checks that the prior is one that the objective and its divergence are for.

    A family of `decomp.distributions` factorises over latents if it has log_prob_dims;
    one of the user's own is taken to fit.
    """
    kind, family = type(p).__name__, distributions.family(p)
    own = not family.__name__.startswith("decomp.distributions.")
    within = isinstance(p, Subspaces) and formula.name == "hfvae"
    if within:
        sizes = tuple(group.loc.shape[0] for group in p.groups)
        within = sizes == groups and bool((settings["gamma"] == 1).all())
    reasons = [
        ("objective", formula.name, "" if within else formula.factorised),
        ("divergence", divergence, FACTORISED.get(divergence, "")),
    ]
    for what, name, reason in reasons:
        if reason and not own and not hasattr(family, "log_prob_dims"):
            raise ValueError(
                f"the {what} {name} {reason}, which needs a prior that factorises over "
                f"latents; got a {kind}."
            )
    if divergence in COVARIANCES and not jnp.isfinite(family.covariance(p)).all():
        raise ValueError(
            f"the divergence {divergence} matches the prior's covariance, which a "
            f"Student-t has for ν > 2; got a {kind} whose covariance is not finite."
        )


def _check_reading(
    formula: objectives.Formula, weights: Mapping[str, Any], batch: int
) -> None:
    """Refuses a function that reads D, without which D would be 0.

    A function reads D if its value becomes NaN where D is NaN.
    """
    ones = jnp.ones(batch)

    def value(distance: float) -> jax.Array:
        d = jnp.full((), distance)
        terms = losses.Terms(ones, ones, ones, d, losses.Parts(*[ones] * 4))
        return formula.value(terms, weights)

    reads = bool((jnp.isnan(value(np.nan)) & ~jnp.isnan(value(0.0))).any())
    if reads:
        raise ValueError(
            f"the objective {formula.name} reads terms.divergence and needs a "
            f"divergence: a function or one of {', '.join(ESTIMATES)}; got none."
        )
