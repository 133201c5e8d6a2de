"""Student's t distribution, as far as confidence bands need it."""

from statistics import NormalDist


def quantile(confidence: float, freedom: float) -> float:
    """The two-sided t of a confidence in (0, 1), by Cornish-Fisher expansion; within 0.5 % from 4 degrees of freedom.

    Abramowitz and Stegun 26.7.5. ValueError below 3 degrees of freedom, where the expansion fails.
    """
    if freedom < 3:
        raise ValueError(f"{freedom} degrees of freedom are too few")
    x = NormalDist().inv_cdf((1 + confidence) / 2)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / freedom**power for power, term in enumerate(terms, 1))
