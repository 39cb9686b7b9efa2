#!/usr/bin/python3
"""Nothing half-done, nothing switched off and nothing that names one machine is committed."""

import re
import sys

import sources

# Spelled in two halves, so that this file passes its own check.
RULES = [
    (re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK|TB" + r"D)\b"),
     "unfinished work: finish it, or say what is so and why"),
    (re.compile(r"\bDIS" + r"ABLED_\w|GTEST_" + r"SKIP\b|pytest\.mark\.x" + r"fail|\b(it|test)\.sk" + r"ip\("),
     "a test that does not run rots: mend it or remove it"),
    (re.compile(r"(?<![\w./])/(home|ro" + r"ot|wo" + r"rk)/"), "a path of one machine"),
    (re.compile(r"registry\.npm" + r"js|deb\.deb" + r"ian\.org"),
     "hosts of registries belong to the machine's settings"),
    (re.compile(r"^(<<<<" + r"<<<|>>>>" + r">>>) "), "a merge that was not finished"),
]


def faults_of(path, text):
    return [f"{path}:{number}: {match.group(0)!r}: {reason}"
            for number, line in enumerate(text.splitlines(), 1)
            for pattern, reason in RULES if (match := pattern.search(line))]


def self_test():
    for bad in ("// TO" + "DO later", "FIX" + "ME: x", "TEST(A, DIS" + "ABLED_b)", "@pytest.mark.x" + "fail",
                "cd /ro" + "ot/x", "https://registry.npm" + "js.org/ws", "<<<<" + "<<< HEAD"):
        assert len(faults_of("a.cpp", bad)) == 1, bad
    for good in ("method", "the hackneyed word", "src/work/a", "everything is done", "XXL"):
        assert not faults_of("a.cpp", good), good


def main():
    if "--self-test" in sys.argv:
        self_test()
        return 0
    paths = [str(path) for path in sources.files(sources.TEXT)]
    faults = [fault for path in paths for fault in faults_of(path, sources.read(path))]
    print(f"words of {len(paths)} files checked")
    return sources.report(faults)


if __name__ == "__main__":
    sys.exit(main())
