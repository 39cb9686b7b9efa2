// The manual page, and `crier man`.
#include "clients/cli/manual.hpp"

#include <array>
#include <cstdio>
#include <string_view>

#include "broker/config/version.hpp"
#include "broker/tools/tools.hpp"
#include "clients/cli/commands.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/link.hpp"

namespace crier::cli {

namespace {

// Of the page's text, not of a build: two builds of one source are to be alike.
constexpr std::string_view manual_date = "2026-11-23";
constexpr std::size_t source_columns_max = 78;

struct Entry {
  std::string_view name;
  std::string_view text;
};

constexpr std::string_view description =
    "Crier is a message broker that speaks WebSocket. Browsers subscribe to channels, services publish, over\n"
    "WebSocket or by POST. `crier serve` runs the broker; the other commands prepare it, look after it, and are\n"
    "clients of it. With no options at all a broker serves this machine alone, and the clients find it.\n";

constexpr std::array environment = {
    Entry{"CRIER_URL",
          "Where `crier sub`, `crier pub` and `crier bench` connect to when there is no --url: ws://, "
          "wss://, http:// or https://, host, port and path."},
    Entry{"CRIER_TOKEN",
          "The token or service key that they show when there is no --token-file. A command line can "
          "be read by everybody on the machine; therefore no option takes one."},
    Entry{"CRIER_KEY", "The service key that `crier top` shows when there is no --key-file."},
    Entry{"CRIER_SECTION__KEY",
          "A setting of `crier serve`, `crier config` and `crier check`, over that of the file: "
          "CRIER_SERVER__THREADS=4 is the key server.threads."},
    Entry{"NO_COLOR",
          "When it is set and not empty, nothing is coloured. Without it there are colours on a terminal "
          "alone."},
};

constexpr std::array files = {
    Entry{"/etc/crier/crier.toml",
          "Where a package keeps the configuration: the broker itself reads the file that "
          "--config names, and none without it. deploy/crier.toml explains every setting."},
    Entry{"/var/lib/crier",
          "Where a package lets server.state_dir point to: histories, positions and idempotency "
          "keys over a restart."},
};

constexpr std::string_view examples =
    "A broker for this machine, and two clients:\n"
    "\n"
    "  crier serve &\n"
    "  crier sub news &\n"
    "  crier pub news 'hello, world'\n"
    "\n"
    "Every line of a log to a channel, at most 100 a second, and nothing doubled when the link is cut:\n"
    "\n"
    "  tail -f app.log | crier pub logs.app - --rate 100/s\n"
    "\n"
    "Go on where one was, some time later:\n"
    "\n"
    "  crier sub orders --json --since 8003fwez:17\n";

// In roff a line's first dot or apostrophe makes it a request, and a bare hyphen, quote or tilde may be printed as
// another character, which nobody could paste into a shell.
std::string escaped(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    switch (c) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '\'': out += "\\(aq"; break;
      case '`': out += "\\(ga"; break;
      case '^': out += "\\(ha"; break;
      case '~': out += "\\(ti"; break;
      case '"': out += "\\(dq"; break;
      default: out += c;
    }
  }
  return out;
}

// Lines of a width that its readers expect; none of them becomes a request.
std::string wrapped(std::string_view text) {
  std::string out, line;
  const auto end_line = [&] {
    if (line.starts_with('.') || line.starts_with('\'')) out += "\\&";
    if (!line.empty()) out += line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.empty()) continue;
    if (line.size() + 1 + word.size() > source_columns_max) end_line();
    line += (line.empty() ? "" : " ") + std::string(word);
  }
  end_line();
  return out;
}

// Running text: `code` is bold, and lines are for the formatter to break.
std::string prose(std::string_view text) {
  std::string out;
  bool code = false;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, text.find('`'));
    out += escaped(piece);
    text.remove_prefix(piece.size());
    if (text.empty()) break;
    text.remove_prefix(1);
    code = !code;
    out += code ? "\\fB" : "\\fR";
  }
  return wrapped(out);
}

// Paragraphs are filled, except for lines with two blanks before them, which stay as they are.
class Paragraphs {
 public:
  Paragraphs(std::string& out, bool after_heading) : out_(out), after_heading_(after_heading) {}

  void line(std::string_view line) {
    if (line.empty()) return close();
    if (line.starts_with("  ")) {
      close_text();
      if (!as_is_) out_ += ".PP\n.nf\n.RS 2\n";
      as_is_ = true;
      out_ += escaped(line.substr(2)) + "\n";
      return;
    }
    if (as_is_ || line.starts_with("Exit code")) close();
    text_ += std::string(line) + "\n";
    // A heading of what follows, as "Examples:", and a list's own line stand alone.
    if (line.ends_with(':') && line.size() < 60) close_text();
  }
  void close() {
    close_text();
    if (as_is_) out_ += ".RE\n.fi\n";
    as_is_ = false;
  }

 private:
  void close_text() {
    if (text_.empty()) return;
    if (!first_ || !after_heading_) out_ += ".PP\n";
    first_ = false;
    out_ += prose(text_);
    text_.clear();
  }

  std::string& out_;
  std::string text_;
  bool after_heading_;
  bool first_ = true;
  bool as_is_ = false;
};

// `after_heading`: a heading's own distance is enough.
std::string paragraphs(std::string_view text, bool after_heading = false) {
  std::string out;
  Paragraphs made(out, after_heading);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    made.line(line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  made.close();
  return out;
}

std::string tagged(const std::string& tag, std::string_view text) {
  return ".TP\n" + tag + "\n" + prose(text);
}

std::string option_tag(std::string_view name, std::string_view form) {
  return "\\fB" + escaped(name) + "\\fR" + (form.empty() ? "" : " \\fI" + escaped(form) + "\\fR");
}

std::string synopsis_line(const config::Usage& usage) {
  std::string line = "\\fB" + escaped(usage.command) + "\\fR";
  if (!usage.synopsis.empty()) line += " " + escaped(usage.synopsis);
  return line + "\n";
}

std::string exit_code_list(std::span<const config::ExitCode> codes) {
  std::string out;
  for (const config::ExitCode& code : codes) {
    out += tagged("\\fB" + std::to_string(code.code) + "\\fR", std::string(code.meaning) + ".");
  }
  return out;
}

std::string command_section(const config::Usage& usage) {
  std::string out = ".SS " + escaped(usage.command) + "\n";
  out += synopsis_line(usage) + ".PP\n" + prose(std::string(usage.summary) + ".");
  // Its footer says whose they are.
  const bool told_before = &usage == &config::config_usage();
  for (const config::Option& option : told_before ? std::span<const config::Option>() : usage.options) {
    out += tagged(option_tag(option.name, option.form), std::string(option.help) + ".");
  }
  out += paragraphs(usage.footer);
  // Most have those of EXIT STATUS.
  if (usage.exit_codes.empty() || usage.exit_codes.data() == exit_codes.data()) return out;
  return out + ".PP\nExit codes:\n" + exit_code_list(usage.exit_codes);
}

template <class Entries>
std::string tagged_section(std::string_view title, const Entries& entries) {
  std::string out = ".SH " + std::string(title) + "\n";
  for (const Entry& entry : entries) out += tagged("\\fB" + escaped(entry.name) + "\\fR", entry.text);
  return out;
}

std::string exit_status() {
  return ".SH EXIT STATUS\n" +
         prose(
             "Of `crier sub`, `crier pub`, `crier top`, `crier completions` and `crier man`; "
             "the others say theirs above.") +
         exit_code_list(exit_codes);
}

constexpr config::Usage usage{"crier man",
                              "",
                              "Print the manual page, as roff",
                              {},
                              "Example:\n"
                              "  crier man | man -l -\n",
                              0,
                              0,
                              exit_codes};

}  // namespace

std::vector<const config::Usage*> all_usages() {
  std::vector<const config::Usage*> all = {&config::serve_usage(), &config::check_usage(), &config::config_usage()};
  for (const config::Usage* tool : tools::usages()) all.push_back(tool);
  for (const config::Usage* client :
       {&sub_usage(), &pub_usage(), &top_usage(), &bench_usage(), &completions_usage(), &man_usage()}) {
    all.push_back(client);
  }
  return all;
}

std::string manual_page(const std::vector<const config::Usage*>& usages) {
  std::string out = ".\\\" Made by `crier man` of the tables that --help is made of.\n.TH CRIER 1 " +
                    std::string(manual_date) + " \"crier " + std::string(config::version()) +
                    "\" \"Crier\"\n.nh\n.ad l\n";
  out += ".SH NAME\ncrier \\- a multi\\-threaded WebSocket message broker, its tools and its clients\n.SH SYNOPSIS\n";
  out += ".nf\n";
  for (const config::Usage* one : usages) out += synopsis_line(*one);
  out += ".fi\n.SH DESCRIPTION\n" + prose(description) + ".PP\n" +
         prose("Every command takes `--help`; `crier --version` prints version, compiler and kind of build.");
  out += ".SH COMMANDS\n";
  for (const config::Usage* one : usages) out += command_section(*one);
  out += tagged_section("ENVIRONMENT", environment) + exit_status() + tagged_section("FILES", files);
  return out + ".SH EXAMPLES\n" + paragraphs(examples, true) + ".SH SEE ALSO\n.BR curl (1),\n.BR systemctl (1)\n";
}

const config::Usage& man_usage() {
  return usage;
}

int man(std::span<const std::string> arguments) {
  tools::Options options;
  if (const auto done = options.parse(usage, arguments)) return finish(*done);
  std::fputs(manual_page(all_usages()).c_str(), stdout);
  return printed(usage, exit_done);
}

}  // namespace crier::cli
