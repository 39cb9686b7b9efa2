"""What the tree's checks look at: the files that git knows or would take, by suffix."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = (".cpp", ".hpp")
TEXT = CODE + (".py", ".js", ".mjs", ".ts", ".sh", ".txt", ".cmake", ".html", ".css", ".md", ".toml", ".json", ".yml")
SCRIPTS_WITHOUT_SUFFIX = (".ci/run",)
GENERATED = ("package-lock.json", "crier.json")
SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__", ".pytest_cache", "seeds", "corpus"}


def files(suffixes, root=ROOT):
    """Paths relative to the root, sorted. Git's ignore rules hold where there is a repository."""
    try:
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True, text=True).stdout.split("\0")
        paths = [pathlib.PurePosixPath(name) for name in listed if name and (root / name).is_file()]
    except (OSError, subprocess.CalledProcessError):  # an exported tree
        paths = [pathlib.PurePosixPath(p.relative_to(root).as_posix()) for p in root.rglob("*") if p.is_file()]
    return sorted(p for p in set(paths)
                  if not SKIPPED_FOLDERS.intersection(p.parts) and p.name not in GENERATED
                  and (p.suffix in suffixes or str(p) in SCRIPTS_WITHOUT_SUFFIX and ".sh" in suffixes))


def read(path, root=ROOT):
    return (root / path).read_text(encoding="utf-8")


def report(faults, warnings=()):
    """Prints what was found; the exit code."""
    for line in warnings:
        print("warning:", line)
    for line in faults:
        print("error:", line)
    return 1 if faults else 0
