#include "broker/config/usage.hpp"

#include <array>

namespace crier::config {

namespace {

constexpr std::array all_commands = {
    Command{"serve", "Run the broker", Command::Kind::server},
    Command{"check", "Judge a configuration file", Command::Kind::server},
    Command{"config", "Print the configuration in force", Command::Kind::server},
    Command{"drain", "End a running broker without losing anything", Command::Kind::tool},
    Command{"health", "Ask a broker whether it is well", Command::Kind::tool},
    Command{"key", "Make a service key", Command::Kind::tool},
    Command{"token", "Make or look into a token", Command::Kind::tool},
    Command{"sub", "Print the messages of channels", Command::Kind::client},
    Command{"pub", "Publish messages", Command::Kind::client},
    Command{"top", "Watch what a broker does right now", Command::Kind::client},
    Command{"bench", "Measure what a broker delivers, and how fast", Command::Kind::client},
    Command{"completions", "Print completions for a shell", Command::Kind::client},
    Command{"man", "Print the manual page", Command::Kind::client},
};

constexpr std::string_view root_examples =
    "Examples:\n"
    "  crier serve                     # one machine, no file: ws://127.0.0.1:8008/message\n"
    "  crier serve --help              # every option, with its default\n"
    "  crier check /etc/crier.toml     # is it sound, and who may do what?\n"
    "  crier config                    # every setting, its value, and where that came from\n";

constexpr std::array serve_options = {
    Option{"--config", "FILE", "Read settings from a TOML file (default: none)"},
    Option{"--listen", "ADDRESS",
           "Listen there, HOST:PORT or unix:/PATH, repeatable\n"
           "(default: 127.0.0.1:8008). Port 0 takes a free one and prints it",
           true},
    Option{"--admin", "HOST:PORT",
           "Metrics and health (default: 127.0.0.1:9008). Elsewhere than\n"
           "on loopback it asks for a service key that manages"},
    Option{"--threads", "N", "Threads that serve connections (default: 0, one per core)"},
    Option{"--state-dir", "DIR",
           "Keep history, positions and idempotency keys there over a\n"
           "restart in order (default: none, they end with the broker)"},
    Option{"--echo", "", "Serve a WebSocket path /echo that returns every message"},
    Option{"--take-over", "",
           "Take over from the broker that runs on the same\n"
           "--state-dir: sockets, history, positions. Without one, start as usual"},
    Option{"--log-level", "LEVEL", "debug, info, warn or error (default: info)", false, "debug|info|warn|error"},
    Option{"--log-format", "FORMAT", "text or json (default: text)", false, "text|json"},
};

constexpr std::string_view serve_footer =
    "Where to connect, with the defaults:\n"
    "  ws://127.0.0.1:8008/message     WebSocket, commands and messages as JSON\n"
    "  http://127.0.0.1:8008/message   POST one command, or an array of them\n"
    "  http://127.0.0.1:8008/          the demo page\n"
    "  http://127.0.0.1:9008/          /metrics, /healthz and /readyz\n"
    "\n"
    "Examples:\n"
    "  crier serve\n"
    "  crier serve --listen 127.0.0.1:0 --log-level debug\n"
    "  crier serve --listen 127.0.0.1:8008 --listen [::1]:8008 --threads 4\n"
    "  crier serve --config /etc/crier.toml --log-format json\n"
    "  crier serve --state-dir /var/lib/crier\n"
    "\n"
    "An option wins over the environment (CRIER_SERVER__THREADS=4: the key server.threads; "
    "CRIER_NAMESPACE__CHAT__PUBLISH:\n"
    "that of a namespace), the environment over the file, the file over the defaults. deploy/crier.toml explains "
    "every\n"
    "setting. In protected mode, the default, only loopback addresses are accepted; tokens, service keys or\n"
    "server.protected_mode = false lift that. SIGTERM and SIGINT end the broker in order.\n"
    "Exit codes: 0 ended as asked, 1 could not run, 2 wrong options or configuration.\n";

constexpr std::string_view config_footer =
    "Prints every setting as TOML that can be loaded again, each with where its value came from. Secrets are masked\n"
    "and have to be filled in first. Takes the options of `crier serve`, and the environment as that would.\n";

constexpr std::string_view check_footer =
    "Reads FILE, and the environment on top of it as `crier serve --config FILE` would. Exit code 0: sound; a summary\n"
    "says who may do what. Exit code 2: every problem, as FILE:LINE:COLUMN: message.\n";

constexpr Usage serve{"crier serve", "[OPTIONS]", "Run the broker", serve_options, serve_footer};
constexpr Usage check{"crier check", "FILE", "Judge a configuration file", {}, check_footer, 1, 1, {}, "FILE"};
constexpr Usage config{"crier config", "[OPTIONS]", "Print the configuration in force", serve_options, config_footer};

}  // namespace

std::span<const Command> commands() {
  return all_commands;
}

const Usage& serve_usage() {
  return serve;
}

const Usage& check_usage() {
  return check;
}

const Usage& config_usage() {
  return config;
}

std::string_view root_footer() {
  return root_examples;
}

}  // namespace crier::config
