"""The paper's statements as code, one per file, with both sides as functions.

    statement of the paper                                  module
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

The paper leaves out three things. For a Student-t, f_β has other degrees of freedom, ν'
= β(ν + 1) − 1 (`distributions.annealed.student_t`), so that it is not a rescaled prior
and Corollary 1 holds only for Gaussians. C2 needs posteriors that can be rotated: a
diagonal encoder pays `rotation.diagonal_gap`. The implicit prior need not exist
(`implicit_prior.tail_precision`).

Where Appendix A has a misprint or is easily misread, we read it so:

- c of Eq. 4 contains log(2π/β), the logarithm of the quotient; the 2π then cancels.
- In the proof, f_β(z/√β) = β^{D/2} p(z): β^{D/2} is a factor, not an exponent of p;
  likewise q_φ(z/√β|x) = β^{D/2} q_φ'(z|x). The two factors cancel.
- The normaliser of a Gaussian is √|2πΣ|, with the 2π inside the determinant.
- The centred codes are z − μ_φ'(x) = z − √β μ_φ(x), and z/√β − μ_φ(x) in Eq. 5: √β
  multiplies μ_φ once.
- Eq. 5 starts with p_θ and continues with p_θ' after the change of variable.
- The aggregate posterior averages over the data, q(z) = (1/N) Σ_n q(z|x_n), not over
  p_θ(x); sum and summand of Hoffman's q(z) run over the same n.

Gaussians have a full covariance here; `full_gaussian.from_diagonal` converts the
posterior of a usual encoder. Functions take one example x; use `jax.vmap` for many.

Source: Mathieu, Rainforth, Siddharth & Teh 2018, arXiv:1812.02833, Section 2, App. A.
"""
