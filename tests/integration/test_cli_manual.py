"""The manual page and the completions: generated, and judged by those who read them."""

import re
import subprocess

import pytest

from broker_process import BINARY, BUILD, SLOWNESS
from cli import PATIENCE, environment, run

COMMANDS = ["serve", "check", "config", "drain", "health", "key", "token", "sub", "pub", "top", "bench",
            "completions", "man"]
PAGES = ["serve", "check", "config", "drain", "health", "key new", "token new", "token inspect", "sub", "pub", "top",
         "bench", "completions", "man"]


def judge(*command, stdin="", **variables):
    """(standard output, standard error) of a tool that must succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60 * SLOWNESS,
                          env=environment(**variables), check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    file = tmp_path_factory.mktemp("man") / "crier.1"
    file.write_text(run("man")[0], encoding="ascii")
    return file


def options_of(command):
    """As its --help has them."""
    return set(re.findall(r"^  (--[a-z-]+)", run(*command.split(), "--help")[0], re.M))


def test_the_manual_page_has_every_command_every_option_and_what_belongs_around(page):
    text, complaints = judge("man", "--warnings", "-l", str(page), MANWIDTH="100", LC_ALL="C.UTF-8")
    assert complaints == ""
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "ENVIRONMENT", "EXIT STATUS", "FILES", "EXAMPLES",
                    "SEE ALSO"):
        assert re.search(f"^{heading}$", text, re.M), heading
    for name in ("CRIER_URL", "CRIER_TOKEN", "CRIER_KEY", "NO_COLOR", "/etc/crier/crier.toml"):
        assert re.search(f"^ +{re.escape(name)}$", text, re.M), name
    for command in PAGES:
        section = re.search(f"^   crier {command}$(.*?)(^   crier |^[A-Z])", text, re.M | re.S)[1]
        if command != "config":  # it has those of serve
            for option in options_of(command):
                assert re.search(f"^ +{option}( |$)", section, re.M), (command, option)
    # What is to be pasted into a shell is ASCII.
    assert "--since" in text and not re.search("[\u2010-\u2015\u2018\u2019]", text)


def test_the_manual_page_is_clean_roff(page):
    assert judge("mandoc", "-Tlint", str(page)) == ("", "")
    assert judge("groff", "-man", "-ww", "-z", str(page)) == ("", "")
    assert all(len(line) <= 120 for line in page.read_text(encoding="ascii").splitlines())


def test_help_lists_the_commands_that_the_manual_page_and_the_completions_have():
    listed = re.findall(r"^  ([a-z]+) ", run("--help")[0].partition("Subcommands:")[2].partition("Examples:")[0], re.M)
    assert listed == COMMANDS


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """{shell: file}"""
    folder = tmp_path_factory.mktemp("completions")
    files = {}
    for shell, name in (("bash", "crier.bash"), ("zsh", "_crier"), ("fish", "crier.fish")):
        files[shell] = folder / name
        files[shell].write_text(run("completions", shell)[0], encoding="ascii")
    for name in ("one.toml", "two words.toml"):
        (folder / name).write_text("", encoding="ascii")
    return files


def bash(scripts, *words):
    """What bash offers for the last of the words; as readline cuts them, '=' is one of its own."""
    cut = [piece for word in words for piece in re.split("(=)", word) if piece] + ([""] if not words[-1] else [])
    script = 'source "$1"; shift; COMP_WORDS=(crier "$@"); COMP_CWORD=$#; _crier; printf "%s\\n" "${COMPREPLY[@]}"'
    output, _ = judge("bash", "--norc", "-c", f"cd {scripts['bash'].parent}; {script}", "bash",
                      str(scripts["bash"]), *cut)
    return [line for line in output.split("\n") if line]


def fish(scripts, *words):
    line = " ".join(word.replace(" ", "\\ ") for word in ("crier", *words))
    output, _ = judge("fish", "--no-config", "-c",
                      f"cd {scripts['fish'].parent}; source {scripts['fish']}; complete -C '{line}'",
                      HOME=str(scripts["fish"].parent))
    return [entry.partition("\t")[0] for entry in output.splitlines()]


# An interactive zsh on a terminal of its own. Tab asks; what the completion adds is written down instead of shown.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "cd $1; PS1=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D"
zpty -w shell "zstyle ':completion:*' insert-tab false"
zpty -w shell 'begin() { print BE""GIN }; finish() { print EN""D; exit }; compprefuncs=(begin); comppostfuncs=(finish)'
zpty -w shell 'bindkey "^I" complete-word; compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a hits; builtin compadd -A hits "$@"; local hit; for hit in $hits; do print -r -- "HIT:$hit"; done
  builtin compadd "$@"
}'
zpty -w -n shell "$2"$'\t'
while zpty -r shell line; do print -rn -- $line; done
"""


def zsh(scripts, *words):
    """What zsh offers for the last of the words."""
    folder = str(scripts["zsh"].parent)
    output, _ = judge("zsh", "-f", "-c", ZSH, "zsh", folder, " ".join(("crier", *words)), TERM="dumb")
    assert "BEGIN" in output and "END" in output, output
    return [hit.rstrip("=") for hit in re.findall(r"^HIT:([^\r\n]*)", output.partition("BEGIN")[2], re.M)]


OFFERS = [
    (("s",), ["serve", "sub"], ["pub"]),
    (("ser",), ["serve"], ["sub"]),
    (("sub", "news", "--la"), ["--last"], ["--since"]),
    (("pub", "news", "--"), ["--rate", "--key", "--url", "--help"], ["--presence"]),
    (("key", ""), ["new"], ["inspect"]),
    (("token", ""), ["new", "inspect"], ["serve"]),
    (("token", "new", "--can-"), ["--can-subscribe", "--can-publish"], ["--config"]),
    (("completions", ""), ["bash", "zsh", "fish"], ["serve"]),
    (("serve", "--log-level", ""), ["debug", "info", "warn", "error"], ["text"]),
    (("check", "one"), ["one.toml"], ["serve"]),
    (("serve", "--config", "one"), ["one.toml"], ["--listen"]),
]


@pytest.mark.parametrize("words, offered, not_offered", OFFERS)
def test_bash_offers_commands_options_values_and_files(scripts, words, offered, not_offered):
    offers = bash(scripts, *words)
    assert set(offered) <= set(offers) and not set(not_offered) & set(offers), offers


def test_bash_completes_a_value_behind_an_equals_sign_and_names_with_blanks(scripts):
    assert bash(scripts, "serve", "--log-format=j") == ["json"]
    assert bash(scripts, "serve", "--log-format=") == ["text", "json"]
    assert bash(scripts, "check", "two") == ["two words.toml"]
    assert bash(scripts, "serve", "--threads", "") == []


@pytest.mark.parametrize("words, offered, not_offered", OFFERS)
def test_fish_offers_commands_options_values_and_files(scripts, words, offered, not_offered):
    offers = fish(scripts, *words)
    assert set(offered) <= set(offers) and not set(not_offered) & set(offers), offers


def test_fish_takes_a_channel_for_a_channel_also_when_it_is_called_like_a_command(scripts):
    assert "--presence" not in fish(scripts, "pub", "sub", "--pr")
    assert "--print" in fish(scripts, "pub", "sub", "--pr")


@pytest.mark.parametrize("words, offered, not_offered", OFFERS[::2])  # each takes a second
def test_zsh_offers_commands_options_values_and_files(scripts, words, offered, not_offered):
    offers = zsh(scripts, *words)
    assert set(offered) <= set(offers) and not set(not_offered) & set(offers), offers


def test_shells_find_nothing_wrong_with_the_scripts(scripts):
    judge("bash", "-n", str(scripts["bash"]))
    judge("zsh", "-n", str(scripts["zsh"]))
    judge("fish", "-n", str(scripts["fish"]))
    judge("shellcheck", "-s", "bash", str(scripts["bash"]))


def test_an_unknown_shell_is_told_the_known_ones():
    assert "expected bash, zsh or fish" in run("completions", "tcsh", exit_code=2)[1]
    assert "expected bash|zsh|fish" in run("completions", exit_code=2)[1]


def test_installing_puts_page_and_completions_where_the_system_looks(tmp_path):
    if not list(BUILD.glob("clients/cli/man/*/crier.1")):
        pytest.skip("this build made no page: instrumented ones do not run themselves")
    judge("cmake", "--install", str(BUILD), "--prefix", str(tmp_path), "--component", "documentation")
    assert (tmp_path / "share/man/man1/crier.1").read_text(encoding="ascii") == run("man")[0]
    for file, shell in (("share/bash-completion/completions/crier", "bash"),
                        ("share/zsh/site-functions/_crier", "zsh"),
                        ("share/fish/vendor_completions.d/crier.fish", "fish")):
        assert (tmp_path / file).read_text(encoding="ascii") == run("completions", shell)[0]


@pytest.mark.parametrize("words", [["man"], ["completions", "bash"], ["--help"], ["sub", "--help"],
                                   ["key", "new", "--help"]])
def test_a_full_disk_is_told(words, tmp_path):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BINARY, *words], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                              env=environment(), cwd=tmp_path, timeout=PATIENCE, check=False)
    assert done.returncode == 1 and b"standard output: No space left on device" in done.stderr
