"""How often an interval of 95 % contains the exact score, that of all points.

Points are drawn from a table of rows of equal weight. The score of the table, with each
row counted once, is the exact score of infinitely many points.
"""

import functools
import itertools

import numpy as np
import pytest
from scipy import stats

from decomp import metrics
from decomp.metrics import definitions, higgins, kim_mnih, z_max_variance

NUM_POINTS = 500


def population():
    """Latents that mix three factors and noise, `[864, 4]` and `[864, 3]`."""
    noise = ((-1, 0, 1), (-1, 1), (-1, 0, 1), (-1, 1))
    rows = itertools.product((0, 0, 1), (0, 1, 1, 2), (0, 1), *noise)
    a, b, c, *e = np.array(list(rows), float).T
    codes = (
        1.5 * a + (0.4 + 0.3 * a) * e[0] + 0.2 * c,
        b + (0.5 + 0.4 * (b == 1)) * e[1] + 0.4 * a,
        1.2 * c + e[2] - 0.3 * b,
        0.7 * a + 0.6 * b - 0.8 * c + 1.1 * e[3],
    )
    return np.stack(codes, axis=1), np.stack([a, b, c], axis=1)


def last_two():
    """Two latents that mix all factors, so that no vote is certain."""
    codes, factors = population()
    return codes[:, 2:], factors


def two_winners():
    """The first latent wins the vote if a = 0, the second if a = 1: (2/3 + 1)/2."""
    rows = itertools.product((0, 0, 1), (0, 1), (-1, 1), (-1, 1))
    a, b, first, second = np.array(list(rows), float).T
    codes = np.stack([first * np.where(a == 0, 0.1, 1), 3 * b + 0.1 * second], axis=1)
    return codes, np.stack([a, b], axis=1)


def exact_scores(table, names):
    """Scores of infinitely many points, which need no correction of counts."""
    exact = metrics.score(*table, metrics=names).values
    for name in exact:
        metric, _, variant = name.partition(", ")
        if variant == "miller_madow":
            plain = next(v for m, v in definitions.ENTRIES if m == metric)
            exact[name] = metrics.score(*table, metrics=[f"{metric}, {plain}"])[0].value
    return exact


def mean_scores(table, names, draws):
    """The mean scores of as many draws of points."""
    codes, factors = table
    rng, scores = np.random.default_rng(2), []
    for draw in range(draws):
        rows = rng.integers(0, len(codes), NUM_POINTS)
        options = {"metrics": names, "seed": 10_000 + draw}
        scores.append(metrics.score(codes[rows], factors[rows], **options).values)
    columns = {name: [each[name] for each in scores] for name in scores[0]}
    return {name: np.mean(column) for name, column in columns.items()}


def coverage(table, names, draws, *, halves, exact=None):
    """The share of draws whose interval contains the exact score, by metric."""
    codes, factors = table
    exact = exact or exact_scores(table, names)
    rng, contained = np.random.default_rng(0), []
    for draw in range(draws):
        rows = rng.integers(0, len(codes), NUM_POINTS)
        options = {"metrics": names, "intervals": halves, "seed": draw}
        sheet = metrics.score(codes[rows], factors[rows], **options)
        lines = zip(sheet.values, sheet, strict=True)
        contained.append(
            [line.low - 1e-6 <= exact[n] <= line.high + 1e-6 for n, line in lines]
        )
    return dict(zip(exact, np.mean(contained, axis=0), strict=True))


def share_of_differences(table, names, draws, *, halves, noisier=0.0):
    """The share of draws in which two codes of the same source differ."""
    codes, factors = table
    rng, differs = np.random.default_rng(1), []
    noise = functools.partial(rng.normal, size=(NUM_POINTS, codes.shape[1]))
    for draw in range(draws):
        rows = rng.integers(0, len(codes), NUM_POINTS)
        pair = codes[rows] + 0.3 * noise(), codes[rows] + (0.3 + noisier) * noise()
        options = {"metrics": names, "intervals": halves, "seed": draw}
        comparison = metrics.compare(*pair, factors[rows], **options)
        differs.append([line.differs for line in comparison])
    return np.mean(differs, axis=0)


def few_votes(key, z, v, s):
    """Kim & Mnih's score by Locatello et al.'s rule, with a twentieth of the votes."""
    return kim_mnih.score(key, z, v, **FEW_VOTES).score


def few_varying(key, z, v, s):
    """Z-max variance with fewer votes, of as many points each."""
    return z_max_variance.score(key, z, v, **FEW_VOTES).score


def few_pairs(key, z, v, s):
    """Higgins et al.'s score, whose classifier is fitted to a twentieth of the points.

    Each point is the mean of as many pairs.
    """
    return higgins.score(key, z, v, num_train=500, num_test=250).score


FEW_VOTES = {"votes": 500, "held_out": 250}
FEW = {
    ("kim_mnih", "locatello"): few_votes,
    ("z-max variance", "carbonneau"): few_varying,
    ("higgins", "locatello"): few_pairs,
}


@pytest.fixture
def few():
    """Registers the scores of `FEW` as variants `few`."""
    names = [(metric, "few") for metric, _ in FEW]
    for name, (usual, measure) in zip(names, FEW.items(), strict=True):
        entry = definitions.ENTRIES[usual]
        definitions.register(entry._replace(variant=name[1], measure=measure))
    yield
    for name in names:
        del definitions.ENTRIES[name]


def limits(draws):
    """The shares between which 99.8 of 100 lie if the coverage is 95 %."""
    return stats.binom.ppf([1e-3, 1 - 1e-3], draws, 0.95) / draws


def test_most_intervals_contain_the_exact_score():
    draws = 40
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], draws, 0.95) / draws
    names = ["mig, locatello", "hoyer"]
    for name, share in coverage(population(), names, draws, halves=20).items():
        assert low <= share <= high, name


def test_a_planted_difference_is_detected_and_equal_codes_do_not_differ():
    names, draws = ["sap, r_squared"], 20
    highest = stats.binom.ppf(1 - 1e-4, draws, 0.05) / draws
    assert share_of_differences(population(), names, draws, halves=20) <= highest
    assert (
        share_of_differences(population(), names, draws, halves=20, noisier=0.4) >= 0.9
    )


# The largest deviations, which the docstring of `intervals` explains.
LESS = {"irs, locatello": 0.90, "irs, suter": 0.90}
# Scores that jump where another dimension takes the lead, or correct many empty cells.
LESS |= {"jemmig, carbonneau": 0.77, "pairwise information, miller_madow": 0.81}
MORE = {"active units, 0.01": 1.0, "jemmig, locatello": 1.0}
# In 30 bins, one dimension determines each factor; the exclusivity has a corner.
MORE |= {"edi explicitness, julka": 1.0, "edi modularity, julka": 0.98}


@pytest.mark.slow
def test_intervals_of_95_percent_contain_the_exact_score_in_93_to_97_of_100_draws():
    names = [
        ", ".join(entry.name)
        for entry in definitions.ENTRIES.values()
        if entry.compiled
        and not (entry.draws or entry.posteriors or entry.variant == "50 bins")
    ]
    shares = coverage(population(), names, 400, halves=100)
    shares |= coverage(two_winners(), ["kim_mnih, enumerated"], 400, halves=100)
    for name, share in shares.items():
        assert LESS.get(name, 0.93) <= share, (name, share)
        assert share <= MORE.get(name, 0.97), (name, share)


def gap_in_bins_of(codes, noise, mix):
    """The MIG of v @ mix plus Gaussian noise, v of 4 × 4 classes, in 20 bins of codes.

    The bins divide the range of the codes, and the outermost two are unbounded.
    """
    classes = np.array(list(itertools.product(range(4), repeat=2)), float)
    information = np.zeros((2, 2))  # [D, F]
    for latent, column in enumerate(codes.T):
        edges = np.linspace(column.min(), column.max(), 21)
        edges[[0, -1]] = -np.inf, np.inf
        means = (classes @ mix)[:, latent, None]
        shares = np.diff(stats.norm.cdf((edges - means) / noise), axis=1)  # [16, 20]
        for factor, values in enumerate(classes.T):
            of_values = [shares[values == value].mean(axis=0) for value in range(4)]
            inside = np.mean([stats.entropy(share) for share in of_values])
            information[latent, factor] = stats.entropy(shares.mean(axis=0)) - inside
    second, largest = np.sort(information, axis=0)
    return np.mean(largest - second) / np.log(4)


@pytest.mark.slow
def test_intervals_of_unbounded_codes_are_for_the_bins_of_the_given_points():
    mix, noise, draws = np.array([[1.0, 0.5], [0.0, 1.0]]), 0.1, 60
    contained = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        factors = rng.integers(0, 4, (10_000, 2))
        codes = factors @ mix + noise * rng.normal(size=factors.shape)
        options = {"metrics": ["mig, locatello"], "intervals": 100, "seed": draw}
        (line,) = metrics.score(codes, factors, **options)
        contained.append(line.low <= gap_in_bins_of(codes, noise, mix) <= line.high)
    low, high = limits(draws)
    assert low <= np.mean(contained) <= high


@pytest.mark.slow
def test_equal_codes_do_not_differ_in_95_of_100_draws():
    names = ["mig, locatello", "modularity", "sap, r_squared", "infom, tripod", "hoyer"]
    shares = share_of_differences(population(), names, 400, halves=100)
    assert (shares <= 0.07).all(), shares


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_intervals_of_votes_contain_the_exact_score():
    # Of 64 points per vote, the variance of the winner is far below the others'.
    name, exact = "kim_mnih, few", (2 / 3 + 1) / 2
    options = {"halves": 20, "exact": {name: exact}}
    share = coverage(two_winners(), [name], 150, **options)[name]
    low, high = limits(150)
    assert low <= share <= high


@pytest.mark.slow
def test_intervals_of_support_vector_machines_contain_their_mean_score():
    names = ["sap, locatello"]
    exact = mean_scores(population(), names, 100)
    (share,) = coverage(population(), names, 100, halves=20, exact=exact).values()
    low, high = limits(100)
    assert low <= share <= high


@pytest.mark.slow
def test_intervals_of_forests_are_too_wide_and_contain_their_mean_scores():
    parts = ("disentanglement", "completeness", "informativeness")
    names = [f"dci {part}, forest" for part in parts]
    exact = mean_scores(population(), names, 40)
    shares = coverage(population(), names, 40, halves=20, exact=exact)
    assert min(shares.values()) >= limits(40)[0]


@pytest.mark.slow
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("name", ["higgins, few", "z-max variance, few"])
def test_intervals_of_pairs_contain_their_mean_score(name):
    # If the coverage is 95 %, fewer than 51 of 60 contain it with probability 7e-4.
    # Of Z-max variance they are too wide: 99 in 100 were measured.
    exact = mean_scores(last_two(), [name], 60)
    shares = coverage(last_two(), [name], 60, halves=20, exact=exact)
    assert min(shares.values()) >= limits(60)[0] == 51 / 60


@pytest.mark.slow
def test_intervals_of_boosted_trees_contain_their_mean_scores():
    parts = ("disentanglement", "completeness", "informativeness")
    names = [f"dci {part}, locatello" for part in parts]
    exact = mean_scores(population(), names, 40)
    shares = coverage(population(), names, 40, halves=6, exact=exact)
    assert min(shares.values()) >= limits(40)[0]
