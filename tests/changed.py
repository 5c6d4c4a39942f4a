"""Prints the test files of the changed files, for `make check`.

Changed files are those of the work tree and of the commits that the upstream, or else
main, does not have. `decomp/metrics/mig.py` is tested by `test_mig.py` and by
`test_mig_*.py` below `tests/decomp`, or by a file named after its folder. The tests of
structure and of documents always run; they take a few seconds.
"""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).parent.parent
ALWAYS = ("equations", "extras", "floors", "imports", "legend", "release")


def changed_paths():
    """Paths that differ from the upstream or from main, and files not yet tracked."""
    for base in ("@{upstream}", "main", "HEAD"):
        since = git("merge-base", base, "HEAD")
        if since:
            break
    tracked = git("diff", "--name-only", *since)
    return sorted({*tracked, *git("ls-files", "--others", "--exclude-standard")})


def git(*arguments):
    """The lines that a git command prints; none if it fails."""
    process = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    return process.stdout.splitlines() if process.returncode == 0 else []


def tests_of(path):
    """The test files of a changed file, as paths from the root."""
    path = pathlib.PurePosixPath(path)
    if path.name.startswith("test_"):
        files = [ROOT / path]
    elif path.suffix == ".md":
        files = [ROOT / "tests" / "test_readme.py"]
    elif path.parts[0] == "configs":
        files = [ROOT / "tests" / "experiments" / "test_configs.py"]
    elif path.suffix == ".py" and path.parts[0] in ("decomp", "experiments"):
        folder = ROOT / "tests" / path.parts[0]
        files = [*folder.rglob(f"test_{path.stem}.py")]
        files += folder.rglob(f"test_{path.stem}_*.py")
        files += folder.rglob(f"test_{path.parent.name}.py")
    else:
        files = []
    return {file.relative_to(ROOT).as_posix() for file in files if file.exists()}


def tests_to_run():
    """All test files of `make check`, sorted by name."""
    always = {f"tests/test_{name}.py" for name in ALWAYS}
    return sorted(always.union(*map(tests_of, changed_paths())))


if __name__ == "__main__":
    print(*tests_to_run())
