"""Variances of a data set along its principal axes, the scale of the PCA prior."""

from collections.abc import Iterable

import numpy as np


def second_moments(batches: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean outer product of a data set that is read batch by batch.

    Products are summed in float32 within a batch, which is exact for sums of integers
    below 2²⁴, and in float64 across batches.

    Args:
        batches: Float32 arrays `[B, X]`, together the whole data set. They are NumPy
            arrays because its BLAS takes a third of the time of XLA:CPU (measured).

    Returns:
        E[x] `[X]` and E[x xᵀ] `[X, X]`, float64.
    """
    count, total, products = 0, np.zeros(()), np.zeros(())
    for batch in batches:
        count += batch.shape[0]
        total = total + batch.sum(0).astype(np.float64)
        products = products + (batch.T @ batch).astype(np.float64)
    if count == 0:
        raise ValueError("expected at least one batch of data; got none.")
    return total / count, products / count


def variances(
    moments: tuple[np.ndarray, np.ndarray], *, latents: int, ranks: str = "top"
) -> np.ndarray:
    """Variances along D principal axes, λ_d ∝ s_d² of the singular values s_d.

    Args:
        moments: The result of `second_moments`.
        latents: Number of axes D.
        ranks: "top" takes the D largest variances of the centred data, as the paper
            says. "released_code" takes ranks 2D, 2D − 1, …, D + 1 of the data that are
            not centred, as the authors' released code does (its singular values came
            in ascending order).

    Returns:
        Variances `[D]`, float64, positive.

    Raises:
        ValueError: For unknown ranks, or data that have too few principal axes.

    Source: Mathieu et al. 2018, App. B.1.
    """
    mean, outer = moments
    if ranks == "top":
        spectrum = np.linalg.eigvalsh(outer - np.outer(mean, mean))[::-1]
        eigenvalues = spectrum[:latents]
    elif ranks == "released_code":
        spectrum = np.linalg.eigvalsh(outer)[::-1]
        eigenvalues = spectrum[latents : 2 * latents][::-1]
    else:
        raise ValueError(f"unknown ranks '{ranks}'; choices: top, released_code.")
    if len(eigenvalues) < latents or eigenvalues.min() <= 1e-12 * spectrum[0]:
        positive = int(np.sum(spectrum > 1e-12 * spectrum[0]))
        raise ValueError(
            f"ranks '{ranks}' need more principal axes than the data have: "
            f"{latents} latents, {positive} axes of positive variance."
        )
    return eigenvalues
