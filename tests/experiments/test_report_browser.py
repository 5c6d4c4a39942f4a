"""The report in a real browser: sliders, sorting, comparisons, and what it fetches."""

import json
import shutil

import numpy as np
import pytest

from experiments.report import __main__ as report
from experiments.results import summary
from tests.experiments import browser
from tests.experiments.test_report import HOSTILE

pytestmark = pytest.mark.skipif(
    browser.find() is None, reason=f"none of {', '.join(browser.NAMES)} is on the PATH"
)

# Functions that the programs below share.
PRELUDE = """
var one = (selector) => document.querySelector(selector);
var all = (selector, read) => [...document.querySelectorAll(selector)].map(read);
var settle = () => new Promise((resolve) => setTimeout(resolve, 100));
var change = (selector, value, event) => {
  const element = one(selector);
  element.value = value;
  element.dispatchEvent(new Event(event));
  return settle();
};
var dataOf = (id) => JSON.parse(document.getElementById(id).textContent);
settle()
"""
SLIDER = "'#folder-0 .latents input'"
LARGE = "'#folder-0 canvas.large'"


@pytest.fixture(scope="module")
def url(image_results, plane_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(image_results, folder / "images")
    config = json.loads((folder / "images" / "config.json").read_text())
    (folder / "images" / "config.json").write_text(
        json.dumps(config | {"title": HOSTILE})
    )
    names = [str(folder / "images"), str(plane_results)]
    assert report.main([*names, f"--out={folder}/report.html"]) == 0
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    running = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture
def tab(chromium, url):
    """The page; a test fails if the page logs, throws or fetches anything."""
    page = browser.Tab(chromium, url)
    page.run(PRELUDE)
    yield page
    messages = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    assert chromium.events_of(*messages) == []
    urls = [
        e["request"]["url"] for e in chromium.events_of("Network.requestWillBeSent")
    ]
    assert [u for u in urls if not u.startswith("data:")] == [url]


def numbers(words):
    return [float(word.replace("−", "-")) for word in words]


def test_a_slider_moves_the_picture_by_the_keyboard(tab):
    picture = f"settle().then(() => one({LARGE}).toDataURL())"
    still = tab.run(picture)
    label = f"one({LARGE}).getAttribute('aria-label')"
    assert tab.run(label) == "the decoded image, no latent moved"
    tab.run(f"one({SLIDER}).focus()")
    pictures = {still}
    for _ in range(3):
        tab.press("ArrowRight")
        pictures.add(tab.run(picture))
    assert len(pictures) >= 3
    value = tab.run(f"one({SLIDER}).getAttribute('aria-valuetext')")
    assert tab.run(label).endswith(f"= {value}")
    tab.run("one('#folder-0 .stage button').click()")
    assert tab.run(picture) == still


def test_the_picture_is_the_tile_of_the_sheet_at_the_slider(tab):
    same = f"""(async () => {{
      const {{ explorer }} = dataOf("folder-0-data");
      const run = explorer.runs.find((run) => run.role === "median");
      await change({SLIDER}, 9, "input");
      const image = new Image(), [side] = explorer.size;
      image.src = run.sheets[0];
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      const corner = [9 * side, run.order[0] * side, side, side];
      canvas.getContext("2d").drawImage(image, ...corner, 0, 0, side, side);
      return canvas.toDataURL() === one({LARGE}).toDataURL();
    }})()"""
    assert tab.run(same) is True


def test_a_slider_of_the_plane_moves_the_point(tab):
    points = "all('#folder-1 .planes .here', (path) => path.getAttribute('d'))"
    before = tab.run(points)
    tab.run("one('#folder-1 .latents input').focus()")
    tab.press("ArrowRight")
    after = tab.run(points)
    assert len(before) == 2
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_another_setting_shows_another_run(tab):
    words = "one('#folder-0 .explorer .note').textContent"
    before = tab.run(words)
    tab.run("change('#folder-0 .explorer select', '1', 'change')")
    assert tab.run(words) != before


def test_the_run_table_sorts_by_the_keyboard_and_filters(tab):
    column = "all('#folder-0 .runs tbody tr', (row) => row.cells[4].textContent)"
    head = "document.querySelectorAll('#folder-0 .runs th[scope=col]')[4]"
    assert tab.run(f"{head}.textContent") == "lossnats"
    tab.run(f"{head}.querySelector('button').focus()")
    tab.press("Enter")
    assert tab.run(f"{head}.getAttribute('aria-sort')") == "ascending"
    rising = numbers(tab.run(column))
    assert len(rising) == 8
    assert rising == sorted(rising)
    tab.press("Enter")
    assert numbers(tab.run(column)) == rising[::-1]
    tab.run("change('#folder-0 .runs input', 'diverged', 'input')")
    (row,) = tab.run("all('#folder-0 .runs tbody tr', (row) => row.innerText)")
    assert row.split("\t")[0] == "5"
    assert "diverged at step 3" in row


def test_the_table_of_means_sorts(tab):
    value = "Number(row.cells[3].dataset.value)"
    values = f"all('#folder-0 .means tbody tr', (row) => {value})"
    head = "one('#folder-0 .means th[data-score=loss] button')"
    tab.run(f"{head}.click()")
    rising = tab.run(values)
    assert len(rising) == 2
    assert rising == sorted(rising)
    tab.run(f"{head}.click()")
    assert tab.run(values) == rising[::-1]


def test_differences_are_paired_by_seed(tab):
    tab.run("change('#folder-0 select.reference', '0', 'change')")
    cells = "all('#folder-0 .means tbody tr', (row) => row.cells[3].textContent)"
    own, other = tab.run(cells)
    assert own == "reference"
    runs = tab.run("dataOf('folder-0-data').runs")
    loss = np.reshape(runs["values"][0], (4, 2))  # seeds, settings
    assert runs["status"][5] != "ok"
    gaps = np.delete(loss[:, 1] - loss[:, 0], 2)  # without run 5, which diverged
    mean, _, _, high = summary.interval(gaps)
    assert numbers(other.split(" ± ")) == pytest.approx([mean, high - mean], rel=0.02)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_no_page_scrolls_sideways(chromium, url, width, scheme):
    page = browser.Tab(chromium, url, width=width, scheme=scheme)
    page.run(PRELUDE)
    assert page.run("document.documentElement.scrollWidth") <= width
    dark = page.run("matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == (scheme == "dark")


def test_a_hostile_title_is_text(tab):
    assert tab.run("one('#folder-0 h2').textContent") == HOSTILE
    assert tab.run("typeof window.hacked") == "undefined"
