"""The paper's statements as code: a file each, with both sides to be called.

    statement of the paper                                  here
    Theorem 1: L_β is a VAE under f_β ∝ p^β with an         theorem_1
        entropy bonus
    Corollary 1: under N(0, Σ) it is a VAE with codes       corollary_1
        scaled by √β and a log-determinant (Eq. 4 to 6)
    Corollary 2: both have their stationary points at       corollary_2
        matched networks (Eq. 7)
    C1: β acts by overlap and by an annealed prior only     theorem_1
    C2: under an isotropic Gaussian no rotation of the      rotation
        latents is preferred
    C3: a larger β is not always better: overlap may        linear_vae.optimum
        overshoot, up to the loss of every latent
    C4: β gains no disentanglement under an isotropic       an experiment, no theorem
        Gaussian (Fig. 1)
    Hoffman et al.: β sets an implicit prior for q(z)       implicit_prior

What the paper leaves out. For a Student-t, f_β has other degrees of freedom, ν' =
β(ν + 1) − 1 (`distributions.annealed.student_t`): it is not the prior rescaled, so that
Corollary 1 stays with the Gaussian. C2 needs posteriors that can turn: a diagonal
encoder pays `rotation.diagonal_gap`. The implicit prior need not exist
(`implicit_prior.tail_precision`).

Where Appendix A misprints or is easily misread, this is meant:

- c of Eq. 4 has log(2π/β), the logarithm of the quotient; the 2π then cancels.
- In the proof, f_β(z/√β) = β^{D/2} p(z), with β^{D/2} a factor and no exponent of p;
  likewise q_φ(z/√β|x) = β^{D/2} q_φ'(z|x). The two factors cancel.
- The normaliser of a Gaussian is √|2πΣ|: the 2π stands inside the determinant.
- The centred codes are z − μ_φ'(x) = z − √β μ_φ(x), and z/√β − μ_φ(x) in Eq. 5: √β
  multiplies μ_φ once.
- Eq. 5 starts with p_θ and goes on with p_θ', after the change of variable.
- The aggregate posterior averages over the data, q(z) = (1/N) Σ_n q(z|x_n), not over
  p_θ(x); sum and summand of Hoffman's q(z) run over the same n.

Gaussians have a full covariance here; `full_gaussian.from_diagonal` makes one of the
posterior of a usual encoder. A function takes one example x; `jax.vmap` takes many.

Source: Mathieu, Rainforth, Siddharth & Teh 2018, arXiv:1812.02833, Section 2, App. A.
"""
