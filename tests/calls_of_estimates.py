"""Small calls of the other functions of `decomp`, networks included; see `calls`."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from decomp import (
    decomposition,
    estimate,
    importance,
    losses,
    minibatch,
    numerics,
    overlap,
    priors,
)
from decomp.datasets import dsprites, moons, pinwheel, shuffle
from decomp.datasets.renderers import dsprites_looks
from decomp.distributions import (
    gaussian,
)
from decomp.divergences import (
    adversarial,
    density,
    kl_aggregate_prior,
    kl_prior_aggregate,
    mmd,
    moments,
    quadrature,
    sliced_wasserstein,
)
from decomp.estimate import Estimate
from decomp.networks import conv_vae, convolution, dense, discriminator, products
from decomp.theory import (
    corollary_1,
    corollary_2,
    implicit_prior,
    linear_vae,
    rotation,
    theorem_1,
)
from tests import calls
from tests.calls import (
    BF16,
    BOX,
    DENSITIES,
    FULL,
    IMAGES,
    KERNEL,
    LINEAR,
    ONE,
    SPREAD,
    SPRITES,
    SQUARE,
    TERMS,
    ZS,
    G,
    Q,
    Z,
    array,
    key,
    positive,
    with_key,
)


def objective(function, *weights):
    return function, TERMS, *weights


def computed_terms(x, q, p, weights):
    return losses.terms(
        key(),
        x,
        encode=lambda x: q,
        log_px_z=lambda x, z: jax.vmap(gaussian.log_prob)(q, z),
        log_pz=partial(gaussian.log_prob, p),
        aggregate=lambda q, z: minibatch.log_densities(q, z, weights),
    )


def bound(function):
    return lambda x, q, p: function(
        key(),
        x,
        num_samples=3,
        encode=lambda x: q,
        log_px_z=lambda x, z: jax.vmap(gaussian.log_prob)(q, z),
        log_pz=partial(gaussian.log_prob, p),
    )


def with_prior(function, **options):
    """A function of q and p that calls one of log p(z) and q."""
    return lambda q, p: function(partial(gaussian.log_prob, p), q, **options)


ESTIMATES = {
    "decomposition.sampled": (
        lambda q, p: decomposition.sampled(
            key(),
            q,
            partial(gaussian.log_prob, p),
            partial(gaussian.log_prob_dims, p),
            num_samples=3,
        ),
        Q,
        G,
    ),
    "decomposition.mutual_information": (
        with_key(decomposition.mutual_information, samples_per_point=2),
        Q,
    ),
    "decomposition.total_correlation": (
        with_key(decomposition.total_correlation, samples_per_point=2),
        Q,
    ),
    "decomposition.dimension_wise_kl": (
        lambda q, p: decomposition.dimension_wise_kl(
            key(), q, partial(gaussian.log_prob_dims, p), samples_per_point=2
        ),
        Q,
        G,
    ),
    "adversarial.discriminator_loss": (
        adversarial.discriminator_loss,
        array(4),
        array(3),
    ),
    "adversarial.jensen_shannon": (adversarial.jensen_shannon, array(4), array(3)),
    "adversarial.kl_from_logits": (adversarial.kl_from_logits, array(4)),
    "adversarial.generator_loss": (adversarial.generator_loss, array(4)),
    "adversarial.permute_dims": (with_key(adversarial.permute_dims), ZS),
    "density.log_qz": (partial(density.log_qz, block=3), ZS, Q),
    "kl_aggregate_prior.kl_aggregate_prior": (
        kl_aggregate_prior.kl_aggregate_prior,
        array(4),
        array(4) / 2,
    ),
    "kl_aggregate_prior.kl_aggregate_prior_exact": (
        lambda q, p: kl_aggregate_prior.kl_aggregate_prior_exact(
            key(), q, partial(gaussian.log_prob, p), num_samples=3, block=2
        ),
        Q,
        G,
    ),
    "kl_aggregate_prior.kl_aggregate_prior_quadrature": (
        with_prior(kl_aggregate_prior.kl_aggregate_prior_quadrature, **BOX),
        Q,
        G,
    ),
    "kl_prior_aggregate.kl_prior_aggregate": (
        partial(kl_prior_aggregate.kl_prior_aggregate, block=3),
        ZS,
        array(4),
        Q,
    ),
    "kl_prior_aggregate.kl_prior_aggregate_quadrature": (
        with_prior(kl_prior_aggregate.kl_prior_aggregate_quadrature, **BOX),
        Q,
        G,
    ),
    "mmd.imq": (mmd.imq, positive(3)),
    "mmd.rbf": (partial(mmd.rbf, bandwidths=(1.0, 2.0)), positive(3)),
    "mmd.rbf_bandwidths": (lambda: mmd.rbf_bandwidths(2),),
    "mmd.u_statistic": (partial(mmd.u_statistic, kernel=mmd.imq), ZS, ZS / 2),
    "mmd.v_statistic": (partial(mmd.v_statistic, kernel=mmd.imq), ZS, ZS / 2),
    "mmd.u_statistic_dims": (partial(mmd.u_statistic_dims, kernel=mmd.imq), ZS, ZS / 2),
    "mmd.v_statistic_dims": (partial(mmd.v_statistic_dims, kernel=mmd.imq), ZS, ZS / 2),
    "moments.covariance_of_means": (moments.covariance_of_means, Q),
    "moments.covariance_of_aggregate": (moments.covariance_of_aggregate, Q),
    "moments.penalty": (
        lambda *c: moments.penalty(*c[:2], off_diagonal=c[2], diagonal=c[3]),
        *(SPREAD, SQUARE, ONE, ONE),
    ),
    "moments.kl_of_moments": (moments.kl_of_moments, Z, SPREAD, Z, SQUARE),
    "quadrature.log_densities": (with_prior(quadrature.log_densities, **BOX), Q, G),
    "quadrature.kl": (partial(quadrature.kl, area=0.5), array(4), array(4)),
    "sliced_wasserstein.squared": (with_key(sliced_wasserstein.squared), ZS, ZS / 2),
    "sliced_wasserstein.squared_1d": (
        sliced_wasserstein.squared_1d,
        array(4),
        array(4) / 2,
    ),
    "estimate.from_samples": (estimate.from_samples, array(4)),
    "estimate.deviation": (estimate.deviation, ZS),
    "estimate.root_mean_square": (estimate.root_mean_square, ZS),
    "importance.iwae": (bound(importance.iwae), ZS, Q, G),
    "importance.log_likelihood": (bound(importance.log_likelihood), ZS, Q, G),
    "minibatch.batch_mean": (lambda: minibatch.batch_mean(4, 8),),
    "minibatch.weighted": (lambda: minibatch.weighted(4, 8),),
    "minibatch.stratified": (lambda: minibatch.stratified(4, 8),),
    "minibatch.symmetrised": (lambda: minibatch.symmetrised(4, 8),),
    "minibatch.log_densities": (
        partial(minibatch.log_densities, groups=(1, 1)),
        Q,
        ZS,
        array(4, 4),
    ),
    "overlap.mean_log_det": (overlap.mean_log_det, Q),
    "overlap.relative_information": (
        partial(overlap.relative_information, num_points=4),
        Estimate(ONE, ONE),
    ),
    "overlap.mean_bhattacharyya": (overlap.mean_bhattacharyya, Q),
    "overlap.effective_neighbours": (
        with_key(overlap.effective_neighbours, num_samples=3),
        Q,
    ),
    "losses.terms": (computed_terms, ZS, Q, G, array(4, 4)),
    "losses.split_kl": (losses.split_kl, DENSITIES, array(4)),
    "losses.elbo": objective(losses.elbo),
    "losses.beta_vae": objective(losses.beta_vae, ONE),
    "losses.alpha_beta": objective(losses.alpha_beta, ONE, ONE),
    "losses.entropy_regularised": objective(losses.entropy_regularised, ONE),
    "losses.capacity": objective(losses.capacity, ONE, ONE),
    "losses.beta_tcvae": objective(losses.beta_tcvae, ONE, ONE, ONE),
    "losses.hfvae": objective(losses.hfvae, ONE, ONE, ONE),
    "losses.factor_vae": objective(losses.factor_vae, ONE),
    "losses.info_vae": objective(losses.info_vae, ONE, ONE),
    "losses.wae": objective(losses.wae, ONE),
    "losses.dip_vae": objective(losses.dip_vae),
    "numerics.log_mean_exp": (numerics.log_mean_exp, ZS),
    "numerics.log1p_ratio": (numerics.log1p_ratio, positive(3)),
    "numerics.log1p_over": (numerics.log1p_over, positive(3), positive(3)),
    "numerics.log1p_squares": (numerics.log1p_squares, array(3), positive(3)),
    "numerics.root_log1p": (numerics.root_log1p, array(3), positive(3)),
    "numerics.ratio_excess": (numerics.ratio_excess, positive(3), positive(3)),
    "numerics.exp_excess": (numerics.exp_excess, positive(3)),
    "numerics.exp_below": (numerics.exp_below, positive(3), np.float64(4)),
    "numerics.with_peak": (numerics.with_peak, positive(3)),
    "numerics.standardise": (numerics.standardise, ZS),
}


def applied(module, *shape):
    """A Flax module with its initial parameters."""
    return lambda x: module.apply(
        module.init(key(), jnp.zeros(shape, jnp.float32)), x, mutable=False
    )


REST = {
    "dsprites.unpack": (lambda: dsprites.unpack(np.zeros((1, 512), np.uint8)),),
    "dsprites_looks.coloured": (
        lambda x: dsprites_looks.coloured(x, np.ones((2, 3), np.uint8)),
        positive(2, 4),
    ),
    "dsprites_looks.noisy": (
        lambda x: dsprites_looks.noisy(x, np.ones((2, 4), np.uint8)),
        positive(2, 4),
    ),
    "moons.sample": (lambda: moons.sample(key(), num_points=8),),
    "pinwheel.sample": (lambda: pinwheel.sample(key(), num_points=8),),
    "shuffle.permuted_index": (lambda: shuffle.permuted_index(key(), np.arange(5), 5),),
    "convolution.conv": (convolution.conv, IMAGES, KERNEL),
    "convolution.conv_transpose": (
        convolution.conv_transpose,
        IMAGES,
        KERNEL.swapaxes(2, 3),
    ),
    "convolution.conv, bfloat16": (
        partial(convolution.conv, precision=BF16),
        IMAGES,
        KERNEL,
    ),
    "products.einsum": (partial(products.einsum, "mk,kn->mn"), SQUARE, SPREAD),
    "products.operands": (partial(products.operands, precision=BF16), SQUARE, SPREAD),
    "products.dot_general": (
        lambda a, b: products.dot_general(a, b, (((1,), (0,)), ((), ()))),
        *(SQUARE, SPREAD),
    ),
    "dense.gaussian_head": (partial(dense.gaussian_head, link="exp", floor=0.125), ZS),
    "dense.DenseEncoder": (applied(dense.DenseEncoder(2, (3,)), 4, 2), ZS),
    "dense.DenseEncoder, bfloat16": (
        applied(dense.DenseEncoder(2, (3,), precision=BF16), 4, 2),
        ZS,
    ),
    "dense.GaussianDecoder": (applied(dense.GaussianDecoder(2, (3,)), 4, 2), ZS),
    "dense.BernoulliDecoder": (applied(dense.BernoulliDecoder(2, (3,)), 4, 2), ZS),
    "discriminator.Discriminator": (
        applied(discriminator.Discriminator((3,)), 4, 2),
        ZS,
    ),
    "conv_vae.ConvEncoder": (
        applied(conv_vae.ConvEncoder(2), 2, 4096),
        SPRITES,
    ),
    "conv_vae.ConvDecoder": (applied(conv_vae.ConvDecoder(2), 4, 2), ZS),
    "priors.isotropic": (lambda: priors.isotropic(2),),
    "priors.anisotropic": (priors.anisotropic, Z),
    "priors.full_covariance": (priors.full_covariance, SPREAD),
    "priors.student_t": (partial(priors.student_t, latents=2), ONE),
    "priors.laplace": (lambda: priors.laplace(2),),
    "priors.subspaces": (lambda df: priors.subspaces((1, 2), df=df), ONE),
    "priors.spike_and_slab": (
        lambda share: priors.spike_and_slab(2, spike_probability=share),
        ONE / 2,
    ),
    "priors.clusters": (priors.clusters,),
    "priors.free_mixture": (priors.free_mixture, array(4), ZS, ZS),
    "priors.mixture_start": (lambda: priors.mixture_start(key(), 3, 2, spread=0.5),),
    "priors.vamp": (priors.vamp, Q, array(4)),
    "priors.hierarchical": (priors.hierarchical, array(1, 1), array(1, 1)),
    "priors.hierarchical_start": (lambda: priors.hierarchical_start(key(), 1, 2),),
    "corollary_1.sides": (corollary_1.sides, ONE, FULL, FULL, ONE),
    "corollary_1.entropy_regularised": (
        corollary_1.entropy_regularised,
        *(ONE, FULL, FULL, ONE),
    ),
    "corollary_1.scaled_posterior": (corollary_1.scaled_posterior, FULL, FULL, ONE),
    "corollary_1.scaled_decoder": (
        lambda p, beta, z: corollary_1.scaled_decoder(jnp.sum, p, beta)(
            numerics.floats(z)[0]
        ),
        *(FULL, ONE, Z),
    ),
    "corollary_1.constant": (corollary_1.constant, FULL, ONE),
    "corollary_1.constant_as_printed": (corollary_1.constant_as_printed, FULL, ONE),
    "corollary_2.gradients": (
        lambda x: corollary_2.gradients(jnp.sum, jnp.sum, lambda x: 2 * x, x),
        Z,
    ),
    "implicit_prior.log_normaliser": (
        lambda q, p, beta: implicit_prior.log_normaliser(
            q, partial(gaussian.log_prob, p), beta, **BOX
        ),
        *(Q, G, ONE),
    ),
    "implicit_prior.sides": (
        lambda q, p, beta: implicit_prior.sides(
            q, partial(gaussian.log_prob, p), beta, **BOX
        ),
        *(Q, G, ONE),
    ),
    "implicit_prior.tail_precision": (implicit_prior.tail_precision, Q, G, ONE, Z),
    "linear_vae.posterior": (linear_vae.posterior, LINEAR, array(3)),
    "linear_vae.reconstruction": (
        linear_vae.reconstruction,
        *(LINEAR, FULL, array(3), ONE),
    ),
    "linear_vae.scaled": (linear_vae.scaled, LINEAR, ONE),
    "linear_vae.optimum": (
        partial(linear_vae.optimum, num_latents=1),
        *(Z, SPREAD, ONE, ONE),
    ),
    "rotation.rotated": (rotation.rotated, FULL, SQUARE),
    "rotation.sides": (rotation.sides, ONE, FULL, FULL, ONE, SQUARE),
    "rotation.closest_diagonal": (rotation.closest_diagonal, FULL),
    "rotation.diagonal_gap": (rotation.diagonal_gap, FULL, SQUARE),
    "theorem_1.beta_vae": (theorem_1.beta_vae, ONE, FULL, FULL, ONE),
    "theorem_1.sides": (theorem_1.sides, ONE, FULL, FULL, ONE),
    "theorem_1.sides_at_samples": (
        lambda beta, a, b, c, d, e: theorem_1.sides_at_samples(
            *(beta,), log_px_z=a, log_qz_x=b, log_pz=c, log_fz=d, log_normaliser=e
        ),
        *(ONE, *array(4, 4), ONE),
    ),
}
CASES = calls.DISTRIBUTIONS | ESTIMATES | REST
