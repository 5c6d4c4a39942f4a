"""The test files of what has changed, for `make check`: a line of paths for pytest.

What has changed is the work tree and the commits that its upstream, or else the branch
main, does not have. The tests of a file have its name and stand below `tests/decomp` or
`tests/experiments`, as `tests/decomp/metrics/test_mig.py` for `decomp/metrics/mig.py`;
others have the name of its folder. The tests of structure and of documents are always
among them; they take a few seconds.
"""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).parent.parent
ALWAYS = ("equations", "extras", "floors", "imports", "legend", "release")


def changed():
    """Paths that differ from the upstream or from main, and files not yet tracked."""
    for base in ("@{upstream}", "main", "HEAD"):
        since = git("merge-base", base, "HEAD")
        if since:
            break
    tracked = git("diff", "--name-only", *since)
    return sorted({*tracked, *git("ls-files", "--others", "--exclude-standard")})


def git(*arguments):
    """The lines that a command of git prints; none where it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else []


def tests_of(path):
    """Test files of a changed file, as paths from the root."""
    path = pathlib.PurePosixPath(path)
    if path.name.startswith("test_"):
        found = [ROOT / path]
    elif path.suffix == ".md":
        found = [ROOT / "tests" / "test_readme.py"]
    elif path.parts[0] == "configs":
        found = [ROOT / "tests" / "experiments" / "test_configs.py"]
    elif path.suffix == ".py" and path.parts[0] in ("decomp", "experiments"):
        folder = ROOT / "tests" / path.parts[0]
        found = [*folder.rglob(f"test_{path.stem}.py")]
        found += folder.rglob(f"test_{path.stem}_*.py")
        found += folder.rglob(f"test_{path.parent.name}.py")
    else:
        found = []
    return {file.relative_to(ROOT).as_posix() for file in found if file.exists()}


def chosen():
    """All test files of `make check`, in the order of their names."""
    always = {f"tests/test_{name}.py" for name in ALWAYS}
    return sorted(always.union(*map(tests_of, changed())))


if __name__ == "__main__":
    print(*chosen())
