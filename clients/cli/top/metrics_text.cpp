#include "clients/cli/top/metrics_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace crier::cli {

namespace {

std::optional<double> number_of(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The value of `name` in what stands between the braces; its escapes are left as they are.
std::string_view label_value(std::string_view labels, std::string_view name) {
  const std::string key = std::string(name) + "=\"";
  std::size_t at = labels.find(key);
  while (at != std::string_view::npos && at != 0 && labels[at - 1] != ',') at = labels.find(key, at + 1);
  if (at == std::string_view::npos) return {};
  labels.remove_prefix(at + key.size());
  return labels.substr(0, labels.find('"'));
}

}  // namespace

Histogram Histogram::since(const Histogram& before) const {
  if (before.buckets.size() != buckets.size() || before.count() > count()) return *this;
  Histogram out = *this;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    out.buckets[i].count = std::max(0.0, out.buckets[i].count - before.buckets[i].count);
  }
  return out;
}

std::optional<double> Histogram::quantile(double share) const {
  if (count() <= 0) return std::nullopt;
  const double wanted = share * count();
  const auto found = std::ranges::find_if(buckets, [&](const Bucket& bucket) { return bucket.count >= wanted; });
  const std::size_t at =
      found == buckets.end() ? buckets.size() - 1 : static_cast<std::size_t>(found - buckets.begin());
  const double below_bound = at == 0 ? 0 : buckets[at - 1].bound;
  if (std::isinf(buckets[at].bound)) return below_bound;
  const double below = at == 0 ? 0 : buckets[at - 1].count;
  const double here = buckets[at].count - below;
  if (here <= 0) return buckets[at].bound;
  return below_bound + (buckets[at].bound - below_bound) * (wanted - below) / here;
}

std::optional<Metrics> Metrics::parse(std::string_view text) {
  Metrics out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t blank = line.rfind(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    const auto value = number_of(line.substr(blank + 1));
    if (!value) return std::nullopt;
    const std::string_view name = line.substr(0, blank);
    const std::size_t brace = name.find('{');
    if (brace == std::string_view::npos) {
      out.samples_.push_back({std::string(name), "", *value});
    } else if (name.ends_with('}')) {
      out.samples_.push_back(
          {std::string(name.substr(0, brace)), std::string(name.substr(brace + 1, name.size() - brace - 2)), *value});
    } else {
      return std::nullopt;
    }
  }
  if (out.count("crier_build_info") == 0) return std::nullopt;
  return out;
}

double Metrics::sum(std::string_view family, std::string_view label) const {
  double total = 0;
  for (const Sample& sample : samples_) {
    if (sample.name == family && sample.labels.find(label) != std::string::npos) total += sample.value;
  }
  return total;
}

double Metrics::max(std::string_view family) const {
  double most = 0;
  for (const Sample& sample : samples_) {
    if (sample.name == family) most = std::max(most, sample.value);
  }
  return most;
}

std::size_t Metrics::count(std::string_view family) const {
  return static_cast<std::size_t>(std::ranges::count(samples_, family, &Sample::name));
}

std::string Metrics::label(std::string_view family, std::string_view name) const {
  const auto found = std::ranges::find(samples_, family, &Sample::name);
  return found == samples_.end() ? "" : std::string(label_value(found->labels, name));
}

Histogram Metrics::histogram(std::string_view family) const {
  const std::string name = std::string(family) + "_bucket";
  Histogram out;
  for (const Sample& sample : samples_) {
    if (sample.name != name) continue;
    if (const auto bound = number_of(label_value(sample.labels, "le"))) out.buckets.push_back({*bound, sample.value});
  }
  std::ranges::sort(out.buckets, {}, &Histogram::Bucket::bound);
  return out;
}

}  // namespace crier::cli
