#!/usr/bin/python3
"""Who may include whom: an arrow between folders only ever points down (ARCHITECTURE.md has the table in prose).

CMake's target boundaries do not stop this: Debian's headers all lie in /usr/include.
"""

import re
import sys

import sources

BASE = ["protocol/base"]
PROTOCOL = BASE + ["protocol/http", "protocol/websocket", "protocol/command"]
BELOW_HUB = PROTOCOL + ["broker/config", "broker/runtime"]
BELOW_NET = BELOW_HUB + ["broker/auth", "broker/engine", "broker/hub", "broker/session", "broker/state"]

# Folder: the folders of ours that it may include, beside itself.
OURS = {
    "protocol/base": [],
    "protocol/http": BASE,
    "protocol/websocket": BASE + ["protocol/http"],
    "protocol/command": BASE,
    "protocol/proxy": BASE,
    "broker/auth": BASE + ["protocol/http", "protocol/command", "broker/config"],
    "broker/config": BASE + ["protocol/command"],
    "broker/runtime": BASE,
    "broker/engine": BASE + ["protocol/command"],
    "broker/hub": BELOW_HUB + ["broker/engine", "broker/state"],
    "broker/session": BELOW_HUB + ["broker/auth", "broker/engine", "broker/hub"],
    "broker/state": BASE + ["protocol/command", "protocol/websocket"],
    "broker/net": BELOW_NET + ["broker/net/demo", "protocol/proxy"],
    "broker/net/demo": [],
    "broker/admin": BELOW_NET + ["broker/net"],
    "broker/hand_over": BASE + ["broker/net", "broker/state"],
    "broker/tools": BASE + ["protocol/command", "broker/auth", "broker/config"],
    "clients/cpp": PROTOCOL,
    "clients/cpp/asio": [],
    "clients/cpp/include/crier": [],
    "clients/cli": PROTOCOL + ["broker/config", "broker/tools", "clients/cpp", "clients/cpp/include/crier"],
    "clients/cli/bench": PROTOCOL + ["broker/config", "broker/tools", "clients/cli", "clients/cpp",
                                     "clients/cpp/include/crier"],
    "clients/cli/top": PROTOCOL + ["broker/config", "broker/tools", "clients/cli"],
    "broker": BELOW_NET + ["broker/net", "broker/admin", "broker/hand_over", "broker/tools", "clients/cli"],
}

NETWORK = (r"broker/(runtime/loop[^/]*|net/.*|admin/.*|hand_over/.*|tools/(admin_call|drain_tool)\.cpp|"
           r"service_manager\.cpp|server[^/]*|main\.cpp)|"
           r"clients/cli/((top|bench)/.*|(output|lines|progress|publisher|session|sub)\.[ch]pp)|"
           r"clients/cpp/(asio/.*|include/crier/client\.hpp|(blocking_client|client|link)\.[ch]pp)")

# Library: how its headers are spelled, which files may include it, and why no other may.
LIBRARIES = {
    "Asio": (r"asio/.*|asio\.hpp", NETWORK,
             "sockets and loops live in runtime/loop, net, admin and server; the rest runs without a network"),
    "sockets": (r"(sys/socket|netinet/.*|arpa/inet|sys/epoll|poll|netdb)\.h", NETWORK + r"|broker/config/address\.cpp",
                "only the layers that have Asio talk to the network"),
    "prometheus-cpp": (r"prometheus/.*", r"broker/(runtime/metrics[^/]*|admin/.*)",
                       "counters are ours; the registry is filled when somebody scrapes"),
    "spdlog": (r"(spdlog|fmt)/.*", r"broker/runtime/log[^/]*", "everybody else logs through runtime/log.hpp"),
    "toml++": (r"toml\+\+/.*|tomlplusplus/.*|toml\.hpp", r"broker/config/.*",
               "configuration is plain structs outside of config/"),
    "CLI11": (r"CLI/.*", r"broker/config/.*", "configuration is plain structs outside of config/"),
    "OpenSSL": (r"openssl/.*", r"protocol/websocket/.*|broker/(auth|net|session|state)/.*|broker/server[^/]*|"
                r"clients/cpp/(client|link|tls_context)\.[ch]pp|clients/cli/bench/stream\.cpp",
                "digests of the handshake and of the state file, random ids, tokens; TLS belongs to net/"),
    "zlib": (r"zlib\.h", r"protocol/websocket/.*", "permessage-deflate alone compresses"),
    "nlohmann_json": (r"nlohmann/.*", r"protocol/(http|command)/.*|broker/(auth|config|admin|tools)/.*|clients/cli/.*",
                      "nothing on the path of a message builds a tree"),
    "threads": (r"thread|mutex|shared_mutex|condition_variable|future",
                r"broker/(runtime|admin|net)/.*|broker/(server[^/]*|main\.cpp)|"
                r"clients/cpp/(include/crier/)?blocking_client\.[ch]pp|clients/cli/bench/.*",
                "one thread owns its shard; only the runtime knows of others"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    """The folder of a file, if the table has it; layers are one level deep."""
    folder = path.rpartition("/")[0]
    return folder if folder in OURS else None


def faults_of(path, text):
    folder = folder_of(path)
    if folder is None:
        # Tests and tools may include what they like of ours.
        return [f"{path}: the folder has no row in tests/tidy/check_includes.py"] if path.startswith(
            ("protocol/", "broker/", "clients/")) and "/examples/" not in path else []
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, header = match.groups()
        where = f"{path}:{number}: {header}: "
        if quote == '"':
            target = folder_of(header)
            if target is None:
                faults.append(where + "ours are included from the root of the tree, libraries with <>")
            elif target != folder and target not in OURS[folder]:
                faults.append(where + f"{folder}/ may not include {target}/")
            continue
        for library, (pattern, allowed, reason) in LIBRARIES.items():
            if re.fullmatch(pattern, header) and not re.fullmatch(allowed, path):
                faults.append(where + f"{library}: {reason}")
    return faults


def self_test():
    """Each rule can fail, and what is allowed does not."""
    def count(path, line):
        return len(faults_of(path, line + "\n"))
    assert count("protocol/websocket/a.hpp", "#include <asio.hpp>") == 1
    assert count("protocol/websocket/a.hpp", '#include "broker/hub/hub.hpp"') == 1
    assert count("protocol/http/a.hpp", '#include "protocol/websocket/frame.hpp"') == 1
    assert count("broker/hub/a.cpp", '#include "broker/session/session.hpp"') == 1
    assert count("broker/hub/a.cpp", '#include "broker/net/connection.hpp"') == 1
    assert count("broker/session/a.cpp", '#include "broker/net/connection.hpp"') == 1
    assert count("broker/session/a.cpp", "#include <asio/post.hpp>") == 1
    assert count("broker/runtime/mailbox.cpp", "#include <asio/post.hpp>") == 1
    assert count("broker/net/a.cpp", "#include <prometheus/counter.h>") == 1
    assert count("broker/net/a.cpp", "  #  include <spdlog/spdlog.h>") == 1
    assert count("broker/hub/a.cpp", "#include <toml++/toml.h>") == 1
    assert count("broker/main.cpp", "#include <CLI/CLI.hpp>") == 1
    assert count("broker/hub/a.cpp", "#include <mutex>") == 1
    assert count("broker/hub/a.cpp", '#include "hub.hpp"') == 1
    assert count("broker/cellar/a.cpp", "") == 1
    assert count("broker/runtime/loop.cpp", "#include <asio/io_context.hpp>") == 0
    assert count("broker/net/a.cpp", '#include <asio.hpp>\n#include "broker/session/session.hpp"') == 0
    assert count("broker/server.cpp", '#include "broker/admin/admin.hpp"') == 0
    assert count("broker/runtime/metrics_text.cpp", "#include <prometheus/counter.h>") == 0
    assert count("broker/hub/a.cpp", '#include <memory>\n#include "protocol/command/command.hpp"') == 0


def main():
    if "--self-test" in sys.argv:
        self_test()
        return 0
    paths = [str(path) for path in sources.files(sources.CODE)]
    faults = [fault for path in paths for fault in faults_of(path, sources.read(path))]
    print(f"includes of {len(paths)} files checked")
    return sources.report(faults)


if __name__ == "__main__":
    sys.exit(main())
