#include "tests/bench/load/target.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <unordered_map>

#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

using Setter = std::function<void(Target&, const std::string&)>;

Setter to_string(std::string Target::* field) {
  return [field](Target& target, const std::string& value) { target.*field = value; };
}

Setter to_number(int Target::* field, int least) {
  return [=](Target& target, const std::string& value) { target.*field = std::max(least, std::atoi(value.c_str())); };
}

Setter to_switch(bool Target::* field) {
  return [field](Target& target, const std::string& value) { target.*field = value == "1"; };
}

Setter to_list(std::vector<std::string> Target::* field) {
  return [field](Target& target, const std::string& value) { (target.*field).push_back(value); };
}

Setter to_text(FrameTemplate Target::* field) {
  return [field](Target& target, const std::string& value) { target.*field = FrameTemplate::text(value); };
}

Setter to_frame(FrameTemplate Target::* field) {
  return [field](Target& target, const std::string& value) { target.*field = FrameTemplate::frame(value); };
}

Setter to_step(std::vector<Step> Target::* field, Step::Kind kind) {
  return
      [=](Target& target, const std::string& value) { (target.*field).push_back({kind, FrameTemplate::frame(value)}); };
}

const std::unordered_map<std::string, Setter>& setters() {
  static const std::unordered_map<std::string, Setter> table{
      {"name", to_string(&Target::name)},
      {"host", to_string(&Target::host)},
      {"port", to_number(&Target::port, 0)},
      {"tls", to_switch(&Target::tls)},
      {"path", to_text(&Target::path)},
      {"pub_path", to_text(&Target::pub_path)},
      {"subprotocol", to_string(&Target::subprotocol)},
      {"header", to_list(&Target::headers)},
      {"login_send", to_step(&Target::login, Step::Kind::send)},
      {"login_wait", to_step(&Target::login, Step::Kind::wait)},
      {"sub_send", to_step(&Target::subscribe, Step::Kind::send)},
      {"sub_wait", to_step(&Target::subscribe, Step::Kind::wait)},
      {"publish", to_frame(&Target::publish)},
      {"pub", [](Target& target, const std::string& value) { target.pub_http = value == "http"; }},
      {"http_method", to_string(&Target::http_method)},
      {"http_path", to_text(&Target::http_path)},
      {"http_header", to_list(&Target::http_headers)},
      {"http_body", to_text(&Target::http_body)},
      {"http_pipeline", to_number(&Target::http_pipeline, 1)},
      {"ping", [](Target& target, const std::string& value) { target.ping = FrameTemplate::frame(value).render({}); }},
      {"ping_suffix", to_switch(&Target::ping_suffix)},
      {"pong", to_frame(&Target::pong)},
      {"settle_ms", to_number(&Target::settle_ms, 0)},
  };
  return table;
}

std::string stem_of(const std::string& file) {
  const std::string name = file.substr(file.rfind('/') + 1);
  return name.substr(0, name.rfind(".conf"));
}

}  // namespace

Target Target::load(const std::string& file) {
  std::ifstream in(file);
  if (!in) die("cannot read target file %s", file.c_str());
  Target target;
  target.name = stem_of(file);
  std::string raw;
  for (int number = 1; std::getline(in, raw); ++number) {
    const std::string line = trim(raw);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) die("%s:%d: expected key = value", file.c_str(), number);
    const std::string key = trim(line.substr(0, equals));
    const auto setter = setters().find(key);
    if (setter == setters().end()) die("%s:%d: unknown key '%s'", file.c_str(), number, key.c_str());
    setter->second(target, trim(line.substr(equals + 1)));
  }
  if (target.port == 0) die("%s: no port", file.c_str());
  if (target.pub_http ? target.http_path.empty() : target.publish.empty()) {
    die("%s: no way to publish", file.c_str());
  }
  if (target.pub_path.empty()) target.pub_path = target.path;
  return target;
}

}  // namespace crier::bench
