#!/usr/bin/python3
"""What a page points to is there: files, headings, and paths of this tree in backticks, with or without suffix."""

import pathlib
import re
import sys

import sources

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:\.ci|broker|deploy|protocol|tests)/[\w./*-]+)`")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchor_of(heading):
    """As code hosts make it."""
    return re.sub(r"[^\w\s-]", "", heading.strip().lower()).replace(" ", "-")


def faults_of(page, text, root):
    prose = FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)
    faults = []

    def blame(match, what):
        line = prose.count("\n", 0, match.start()) + 1
        faults.append(f"{page}:{line}: {match[1]}: {what}")

    for match in LINK.finditer(prose):
        if re.match(r"[a-z]+:", match[1]):
            continue
        path, _, anchor = match[1].partition("#")
        target = root / page.parent / path if path else root / page
        if not target.exists():
            blame(match, "no such file")
        elif anchor and target.suffix == ".md":
            there = prose if not path else FENCE.sub("", target.read_text(encoding="utf-8"))
            if anchor not in map(anchor_of, HEADING.findall(there)):
                blame(match, "no such heading")
    for match in PATH.finditer(prose):
        if not any(root.glob(match[1].rstrip("/"))) and not any(root.glob(match[1] + ".*")):
            blame(match, "no such path")
    return faults


def self_test():
    page = pathlib.PurePosixPath("README.md")
    for bad in ("[a](nowhere.md)", "[a](#nowhere)", "[a](README.md#nowhere)", "`tests/nowhere_test.cpp`",
                "`broker/*/nowhere`"):
        assert len(faults_of(page, bad, sources.ROOT)) == 1, bad
    for good in ("[a](CONTRIBUTING.md)", "# Some `thing`, really\n[a](#some-thing-really)", "`tests/run.sh`",
                 "`broker/*/CMakeLists.txt`", "[a](https://example.com/x)", "```\n[a](nowhere.md)\n```"):
        assert not faults_of(page, good, sources.ROOT), good


def main():
    if "--self-test" in sys.argv:
        self_test()
        return 0
    pages = sources.files((".md",))
    faults = [fault for page in pages for fault in faults_of(page, sources.read(page), sources.ROOT)]
    print(f"links of {len(pages)} pages checked")
    return sources.report(faults)


if __name__ == "__main__":
    sys.exit(main())
