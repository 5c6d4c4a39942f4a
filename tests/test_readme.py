import pathlib
import re

from experiments.config import settings
from experiments.models import divergences as registered_divergences
from experiments.models import objectives as registered_objectives
from experiments.models import priors as registered_priors
from experiments.system import registry
from tests.experiments.small_plane import config_of

README = pathlib.Path(__file__).parent.parent / "README.md"


def test_the_python_example_prints_the_numbers_below_it(capsys):
    text = README.read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(example.splitlines()) <= 20
    names = {}
    exec(example, names)
    assert names["vaes"].diverged.tolist() == [-1] * 20
    printed = capsys.readouterr().out
    line = r"β = (\d): explicitness (\S+) ± (\S+)"
    found, expected = re.findall(line, printed), re.findall(line, text)
    assert len(found) == len(expected) == 2
    # Other machines round otherwise, which training makes as large as a seed's effect.
    for (beta, mean, half), (other, stated, its_half) in zip(
        found, expected, strict=True
    ):
        assert beta == other
        off = abs(float(mean) - float(stated))
        assert off <= float(half) + float(its_half) + 0.001
    assert re.search(r"^explicitness, locatello +0\.9[78]", printed, re.MULTILINE)


def test_every_path_in_the_readme_exists():
    paths = re.findall(
        r"(?:configs|experiments|decomp)/[\w/]+\.\w+", README.read_text()
    )
    assert paths
    for path in paths:
        assert (README.parent / path).exists(), path


def cells():
    """Names of a row, whether they are divergences, priors of a column, what stands."""
    table = README.read_text().split("## The space of objectives")[1].split("## ")[0]
    header, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
    columns = [re.findall(r"`(\w+)`", part) for part in header.split("|")[2:-1]]
    for row in rows:
        first, *marks = row.split("|")[1:-1]
        names = re.findall(r"`(\w+)`", first)
        for priors, mark in zip(columns, marks, strict=True):
            yield names, "D:" in first, priors, mark.strip()


def test_the_table_of_objectives_is_what_configs_accept():
    objectives, divergences, priors = set(), set(), set()
    for names, is_divergence, column, mark in cells():
        priors.update(column)
        (divergences if is_divergence else objectives).update(names)
        for name in names:
            for prior in column:
                objective = "alpha_beta" if is_divergence else name
                divergence = name if is_divergence else "kl_prior_aggregate"
                config = config_of(prior, objective, divergence)
                if "own groups" in mark:
                    with config.unlocked():
                        config.objective.groups, config.objective.gamma = (2,), (1.0,)
                try:
                    settings.validate(config)
                    works = True
                except ValueError:
                    works = False
                assert works == mark.startswith("✓"), (name, prior)
    assert objectives == registry.published(registered_objectives.OBJECTIVES)
    assert divergences == set(registered_divergences.names()) & registry.published(
        registered_divergences.DIVERGENCES
    )
    assert priors == registry.published(registered_priors.PRIORS)
