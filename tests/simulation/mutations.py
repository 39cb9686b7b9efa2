#!/usr/bin/python3
"""Shows that the simulation can fail: deliberate bugs, each of which breaks one rule of delivery, are built into a
copy of the sources one by one, and each must be caught.

  tests/simulation/mutations.py [--only NAME_OR_RULE]... [--seconds S] [--jobs N] [--keep]

The rules are those of tests/simulation/README.md. A mutation replaces text that must be there exactly once, so one that
no longer fits the code is an error here, not a bug that nobody looks for any more.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tidy"))
import sources  # noqa: E402  (beside the tree's other checks)

SIMULATION = "crier_simulation"


class Mutation:
    def __init__(self, rule, name, *edits, caught_by=SIMULATION):
        self.rule = rule
        self.name = name
        self.edits = edits  # (file, text, replacement)
        self.caught_by = caught_by


HOME = "broker/hub/home.cpp"
PUBLISH = "broker/hub/home_publish.cpp"
REPLAY = "broker/hub/home_replay.cpp"
PRESENCE = "broker/hub/home_presence.cpp"
SHARD = "broker/hub/shard.cpp"
TABLE = "broker/hub/subscriber_table.cpp"
CATCH_UP = "broker/session/client_catch_up.cpp"
SUBSCRIBE = "broker/session/client_subscribe.cpp"

MUTATIONS = [
    Mutation(1, "a shard's last unsubscribe takes the interest of those that are still on their way",
             (HOME, "if (--interests[at].subscriptions == 0) interests.swap_remove(at);", "interests.swap_remove(at);"),
             (HOME, "  CRIER_ASSERT(false);  // home counts per subscription (design rule 1)\n", "")),
    Mutation(2, "a stale answer of a channel is taken for a newer subscription to it",
             (SUBSCRIBE, "bool Client::on_subscribed(hub::SubscribeAnswer& answer) {\n",
              "bool Client::on_subscribed(hub::SubscribeAnswer& answer) {\n"
              "  for (hub::Subscription* const one : subscriptions_) {\n"
              "    if (one->name() == answer.channel) answer.serial = one->serial;\n"
              "  }\n")),
    Mutation(2, "a slot's generation is not looked at",
             (SHARD, "return slot.generation == session.generation ? slot.subscriber : nullptr;",
              "return slot.subscriber;")),
    Mutation(3, "what a shard answers to itself overtakes what it has said to itself",
             (SHARD, "void Shard::send_answer(ShardId to, Delivery answer) {\n",
              "void Shard::send_answer(ShardId to, Delivery answer) {\n"
              "  if (to == settings_.self) return take_delivery(to, answer);\n")),
    Mutation(4, "live messages reach a subscription that is still catching up",
             (TABLE, "    if (!subscription->live()) {\n", "    if (subscription->state == State::pending) {\n")),
    Mutation(4, "a replay is taken for whole after its first piece",
             (REPLAY, "      answer.at_top =\n          channel.record->slice_after(through, left, ",
              "      answer.at_top = true;\n      std::ignore =\n"
              "          channel.record->slice_after(through, left, "),
             (REPLAY, "    answer.through_number = channel.record ? channel.record->number : 0;\n", ""),
             (REPLAY, "#include <utility>\n", "#include <tuple>\n#include <utility>\n")),
    Mutation(5, "an engine's answer is not cut at what the home has fanned out",
             (REPLAY, "    if (stored.offset > channel.top) {\n", "    if (false) {\n")),
    Mutation(6, "credit between shards comes back too late",
             (SHARD, "if (lane_owed_[from] < settings_.lane_bytes_max / 4) return;",
              "if (lane_owed_[from] < settings_.lane_bytes_max * 4) return;")),
    Mutation(7, "a channel that was forgotten leaves no floor",
             (HOME, "    floor = std::max(floor, record->number > 0 ? channel.top : record->floor());\n",
              "    static_cast<void>(floor);\n")),
    Mutation(8, "a restart gives offsets again that were given before",
             ("broker/hub/home.hpp", "std::uint64_t fanned_out() const noexcept { return fanned_out_; }",
              "std::uint64_t fanned_out() const noexcept { return fanned_out_ / 2; }")),
    Mutation(8, "a state file is read where it lies, and found again after a crash",
             ("broker/state/state_dir.cpp",
              "  if (auto fault = directory_.move(state_file, taken_file)) return std::move(*fault);\n", ""),
             ("broker/state/state_dir.cpp", "directory_.read_private(taken_file, bytes_max)",
              "directory_.read_private(state_file, bytes_max)"), caught_by="unit_state"),
    Mutation(9, "nobody looks at the byte budget",
             (PUBLISH, "  while (budget_.over()) {\n", "  while (false) {\n")),
    Mutation(9, "what the byte budget takes leaves no floor",
             ("broker/hub/history.cpp", "  floor_ = dropped->offset();\n", "")),
    Mutation(10, "a publish whose key is on its way is stored once more",
             (PUBLISH, "    case IdempotencyKeys::Found::pending: metrics_.duplicates.add(); return true;",
              "    case IdempotencyKeys::Found::pending: request.key.reset(); return false;")),
    Mutation(10, "a publish whose key is known is stored once more",
             (PUBLISH, "    case IdempotencyKeys::Found::done:\n      metrics_.duplicates.add();\n",
              "    case IdempotencyKeys::Found::done:\n      request.key.reset();\n"
              "      if (request.draft->bytes() > 0) return false;\n")),
    Mutation(11, "a publish that failed is tried again behind later ones",
             (PUBLISH, "  // Whoever was told `timeout` has its credit back, and hears no more of it.\n",
              "  if (!offset && offset.error().code == ErrorCode::unavailable && !pending.timed_out) {\n"
              "    const engine::Ticket again = next_ticket_++;\n"
              "    pending_bytes_ += pending.request.draft->bytes();\n"
              "    const auto [at, added] = pending_.emplace(again, std::move(pending));\n"
              "    static_cast<void>(engine_->publish(again, publication_of(*at->second.request.draft, now_ms_)));\n"
              "    return;\n"
              "  }\n")),
    Mutation(12, "a newer message takes the place of the older one of its key",
             ("broker/hub/backlog.cpp", "  make_hole(older_number);\n",
              "  const auto place = std::lower_bound(slots_.begin(), slots_.end(), older_number,\n"
              "                                      [](const Slot& s, std::uint64_t n) { return s.number < n; });\n"
              "  std::swap(place->message, slots_.back().message);\n"
              "  newest_by_key_.find(key)->second = older_number;\n"
              "  make_hole(number);\n")),
    Mutation(12, "what was dropped or conflated is not told",
             (CATCH_UP,
              "    if (item.lost_before > 0) gap(subscription, item.lost_before, item.conflated, exact);\n", "")),
    Mutation(13, "a watcher that lagged goes on with the members of before",
             (CATCH_UP, "  if (subscription.watching && subscription.presence_stale) {\n",
              "  if (subscription.watching && subscription.presence_stale) subscription.presence_stale = 0;\n"
              "  if (false) {\n")),
    Mutation(14, "a pattern is live at the first home's answer",
             (SHARD, "  if (--pending.open > 0) return;\n",
              "  if (--pending.open > 0) {\n"
              "    if (pending.subscription != nullptr && !pending.subscription->live()) {\n"
              "      subscribers_.make_live(*pending.subscription);\n"
              "    }\n"
              "    return;\n"
              "  }\n")),
    Mutation(14, "a new epoch is not told",
             (TABLE, "    if (subscription->live()) subscription->subscriber->on_epoch_change(",
              "    if (false) subscription->subscriber->on_epoch_change(")),
]


def copy_tree(target):
    """What the tree's checks see, which is what git knows or would take."""
    wanted = sources.CODE + (".txt", ".json", ".in", ".cmake", ".toml", ".html", ".css", ".js", ".png", ".ico", ".svg")
    for path in sources.files(wanted):
        destination = target / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, destination)
    seeds = ROOT / "tests" / "fuzz" / "seeds"
    shutil.copytree(seeds, target / "tests" / "fuzz" / "seeds")


def run(command, **options):
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)


class Workshop:
    """A copy of the tree and a build of it."""

    def __init__(self, folder, jobs):
        self.tree = folder / "tree"
        self.build = folder / "build"
        self.jobs = jobs
        copy_tree(self.tree)
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        configured = run(["cmake", "-S", self.tree, "-B", self.build, "-DCMAKE_BUILD_TYPE=Release",
                          "-DCMAKE_CXX_FLAGS_RELEASE=-O1", *launcher])
        if configured.returncode != 0:
            raise SystemExit(configured.stdout)

    def make(self, program):
        return run(["cmake", "--build", self.build, "--target", program, "--parallel", self.jobs])

    def program(self, name):
        return next(path for path in self.build.rglob(name) if path.is_file())

    def apply(self, mutation):
        """The files as they were, to be put back."""
        before = {}
        for name, text, replacement in mutation.edits:
            path = self.tree / name
            content = path.read_text(encoding="utf-8")
            before.setdefault(path, content)
            if content.count(text) != 1:
                raise SystemExit(f"rule {mutation.rule}, {mutation.name}: {name} holds the text to replace "
                                 f"{content.count(text)} times:\n{text}")
            path.write_text(content.replace(text, replacement), encoding="utf-8")
        return before


def verdict(workshop, mutation, seconds):
    """"caught" or why not, and a line about it."""
    before = workshop.apply(mutation)
    try:
        built = workshop.make(mutation.caught_by)
        if built.returncode != 0:
            return "does not build", built.stdout[-2000:]
        command = [workshop.program(mutation.caught_by)]
        if mutation.caught_by == SIMULATION:
            command += ["--seconds", seconds]
        try:
            ran = run(command, timeout=seconds + 120)
        except subprocess.TimeoutExpired:
            return "caught", "it never came to an end"
        if ran.returncode == 0:
            return "NOT CAUGHT", ""
        told = [line for line in ran.stdout.splitlines() if "violat" in line or "invariant" in line or "FAILED" in line]
        return "caught", (told or ran.stdout.splitlines() or ["no word"])[0].strip()[:160]
    finally:
        for path, content in before.items():
            path.write_text(content, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[], help="a rule's number, or a part of a name")
    parser.add_argument("--seconds", type=int, default=60, help="of simulation, at most, for each mutation")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="leave the copy and its build")
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS
              if not arguments.only or any(o == str(m.rule) or o in m.name for o in arguments.only)]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crier-mutations-"))
    survivors = 0
    try:
        workshop = Workshop(folder, arguments.jobs)
        for mutation in chosen:
            started = time.monotonic()
            word, told = verdict(workshop, mutation, arguments.seconds)
            survivors += word != "caught"
            print(f"rule {mutation.rule:2}  {word:12} {time.monotonic() - started:4.0f} s  {mutation.name}"
                  + (f"\n         {told}" if told else ""), flush=True)
    finally:
        if arguments.keep:
            print(f"left in {folder}")
        else:
            shutil.rmtree(folder)
    rules = {m.rule for m in MUTATIONS}
    missing = set(range(1, 15)) - rules
    if missing:
        print(f"rules without a mutation: {sorted(missing)}")
    print(f"{len(chosen) - survivors} of {len(chosen)} caught")
    return 1 if survivors or missing else 0


if __name__ == "__main__":
    sys.exit(main())
