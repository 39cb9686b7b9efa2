#!/usr/bin/python3
"""A file stays small enough to be held in the head, a line short enough to be read at a glance."""

import sys

import sources

LINES_WARN = 400
LINES_MAX = 600
COLUMNS_MAX = 120
# Prose wraps by itself; data and drawings inside a page are nobody's reading; what a tool has built neither.
LONG_LINES_ALLOWED = (".md", ".json", ".html", *(f"broker/net/demo/{built}.js" for built in ("crier", "fallback")))


def check(path, text):
    """(faults, warnings) of one file."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    faults, warnings = [], []
    if len(lines) > LINES_MAX:
        faults.append(f"{path}: {len(lines)} lines, at most {LINES_MAX}: split it by subject")
    elif len(lines) > LINES_WARN:
        warnings.append(f"{path}: {len(lines)} lines, better at most {LINES_WARN}")
    if not path.endswith(LONG_LINES_ALLOWED):
        faults += [f"{path}:{number}: {len(line)} columns, at most {COLUMNS_MAX}"
                   for number, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX]
    if text and not text.endswith("\n"):
        faults.append(f"{path}: the last line has no end")
    faults += [f"{path}:{number}: white space at the end of the line"
               for number, line in enumerate(lines, 1) if line != line.rstrip()]
    return faults, warnings


def self_test():
    def counts(path, text):
        return tuple(len(found) for found in check(path, text))
    assert counts("a.cpp", "x\n" * LINES_WARN) == (0, 0)
    assert counts("a.cpp", "x\n" * (LINES_WARN + 1)) == (0, 1)
    assert counts("a.cpp", "x\n" * LINES_MAX) == (0, 1)
    assert counts("a.cpp", "x\n" * (LINES_MAX + 1)) == (1, 0)
    assert counts("a.cpp", "x" * COLUMNS_MAX + "\n") == (0, 0)
    assert counts("a.cpp", "x" * (COLUMNS_MAX + 1) + "\n") == (1, 0)
    assert counts("a.cpp", "é" * COLUMNS_MAX + "\n") == (0, 0)
    assert counts("a.md", "x" * 500 + "\n") == (0, 0)
    assert counts("a.cpp", "x") == (1, 0)
    assert counts("a.cpp", "x \n") == (1, 0)


def main():
    if "--self-test" in sys.argv:
        self_test()
        return 0
    faults, warnings = [], []
    paths = [str(path) for path in sources.files(sources.TEXT)]
    for path in paths:
        more_faults, more_warnings = check(path, sources.read(path))
        faults += more_faults
        warnings += more_warnings
    print(f"sizes of {len(paths)} files checked")
    return sources.report(faults, warnings)


if __name__ == "__main__":
    sys.exit(main())
