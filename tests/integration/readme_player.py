"""Plays an example of the README against a broker, and says where the broker says something else."""

import asyncio
import signal

from broker_process import eventually
from readme_credentials import Credentials
from readme_match import Mismatch, Names, order_class, plain
from readme_peers import CurlPeer, Message, RequestPeer, Text, WebSocketPeer
from readme_transcript import METHODS, is_json, read_json

SKIP = "⋮"


class Player:
    def __init__(self, broker, example, credentials=None):
        self.broker, self.example = broker, example
        self.credentials = credentials or Credentials(example)
        self.names = Names({("credential", "", name): text for name, text in self.credentials.issue().items()})
        self.peers = {}
        self.welcomed = set()
        self.traffic = []  # (command | reply, transport, object), for the schemas

    async def play(self):
        """The traffic, when all went as shown."""
        try:
            steps = list(self.example.steps)
            while steps:
                if steps[0].verb != "←":
                    await self.do(steps.pop(0))
                    continue
                count = next((at for at, step in enumerate(steps) if step.verb != "←"), len(steps))
                await self.expect(steps[:count])
                del steps[:count]
            for name, peer in self.peers.items():
                await self.about(f"{self.example}: {name}", peer.nothing_more(name not in self.welcomed))
            self.names.check_positions()
        finally:
            for peer in self.peers.values():
                await peer.close()
        return [(direction, transport, plain(value)) for direction, transport, value in self.traffic]

    @staticmethod
    async def about(what, doing):
        """Failures name the line."""
        try:
            return await doing
        except (Mismatch, asyncio.TimeoutError) as fault:
            raise AssertionError(f"{what}\n  {fault if str(fault) else 'nothing came'}") from fault

    async def do(self, step):
        if step.verb == "later":
            await asyncio.sleep(int(step.text) + 0.1)  # an age or a life passes: nothing else tells
        elif step.verb == "stop":
            self.broker.signal()
        elif step.verb == "reload":
            await asyncio.to_thread(self.reload, step.text)
        elif step.verb in ("→", "ws", "$"):
            await self.about(step, self.open_or_send(step))
        else:
            {"stops reading": WebSocketPeer.stop_reading, "reads on": WebSocketPeer.read_on,
             "falls silent": WebSocketPeer.fall_silent}[step.verb](self.peers[step.name])

    def reload(self, change):
        word, what = change.split(" ", 1)
        if word == "with":
            self.credentials.change(what)
        else:
            self.credentials.withdraw(what)
        before = self.broker.errors().count("reloaded:")
        (self.broker.folder / "crier.toml").write_text(self.credentials.config(), encoding="utf-8")
        self.broker.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.broker.errors().count("reloaded:") > before)

    async def open_or_send(self, step):
        if step.verb == "$":
            if step.name in self.peers:
                await self.peers.pop(step.name).close()
            self.peers[step.name] = CurlPeer(self.broker)
            return await self.peers[step.name].open(step.text, self.names)
        if step.name in METHODS:
            peer = self.peers.setdefault(step.name, RequestPeer(self.broker, self.traffic, step.name))
        elif step.verb == "ws" or step.name not in self.peers:
            peer = self.peers[step.name] = WebSocketPeer(self.broker, self.traffic)
            self.welcomed.discard(step.name)
            slow = any(other.verb == "stops reading" and other.name == step.name for other in self.example.steps)
            url = step.text if step.verb == "ws" else "ws://localhost:8008/message"
            await peer.open(self.names.text(url), slow)
        if step.verb == "→":
            for _ in range(step.times):
                await self.peers[step.name].send(step.text, self.names)
                await asyncio.sleep(0)  # the others read meanwhile
        return None

    # --- what comes

    async def expect(self, steps):
        """Lines of one connection in a row; where the contract promises no order, any order will do."""
        for name in dict.fromkeys(step.name for step in steps):
            await self.expect_of(name, [step for step in steps if step.name == name])

    async def expect_of(self, name, steps):
        shown = [None if step.text == SKIP else step for step in steps]
        while shown:
            skip = shown[0] is None
            if skip:
                shown.pop(0)
            received = await self.about(shown[0], self.receive(name, shown))
            fault = None
            for step in shown[:1] if skip else self.candidates(shown):
                attempt = self.names.copy()
                try:
                    received.fits(step.text, attempt)
                except Mismatch as mismatch:
                    fault = fault or f"{step}\n  {mismatch}\n  received: {str(received)[:1000]}"
                    continue
                self.names = attempt
                shown.remove(step)
                fault = None
                break
            if fault and (not skip or isinstance(received, Text)):
                raise AssertionError(fault)
            if fault:
                shown.insert(0, None)

    @staticmethod
    def candidates(steps):
        """The lines that may be the next one: those with no earlier line of their class."""
        classes, found = set(), []
        for step in steps:
            if step is None:
                break
            message = next((line.removeprefix("data: ") for line in step.text.split("\n") if line.startswith("data: ")),
                           step.text)
            if not is_json(message):
                return found or [step]
            if (mine := order_class(read_json(message))) not in classes:
                classes.add(mine)
                found.append(step)
        return found

    async def receive(self, name, shown):
        if name not in self.peers:
            raise Mismatch("nothing was sent there before")
        received = await self.peers[name].receive()
        value = getattr(received, "value", None)
        if isinstance(received, Message) or hasattr(received, "fields"):
            transport = received.transport if isinstance(received, Message) else "sse"
            self.traffic.append(("reply", transport, value))
            if name not in self.welcomed:
                self.welcomed.add(name)
                if value["op"] != "welcome":
                    raise Mismatch(f"no welcome came first, but {received}")
                if not any(step and '"op":"welcome"' in step.text for step in shown):
                    return await self.receive(name, shown)
        return received
