"""Everything that reads bytes from outside: what it may refuse, and what must hold if it does not.

One list, `TARGETS`, for the short tests (`test_fuzz.py`) and the long ones (`long.py`). A target
either refuses bytes by name, or accepts them; and then what it accepted must be

    stable    written down and read again it is the same, to the byte
    usable    whatever the system does next with it raises nothing

`seeds/<target>/` holds inputs that once were findings; they are read first wherever it is run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from models.barrier import CorruptBarrier, decode_barrier, encode_barrier
from models.codec import CorruptState, NewerSchema, decode_held, encode_held
from models.erasure import NotAMark, decode_mark, encode_mark
from models.experience_codec import CorruptExperience, decode_experience, encode_experience
from models.policy import Policy, PolicyError, policy_from_toml
from models.population import CorruptPopulation, decode_population, encode_population
from streams.sources import SourceError
from tests.fuzz import events, files, learned, persons
from tests.fuzz.shapes import JSON, JSON_LINES, MSGPACK, TOML, Shape, as_json

SEEDS = Path(__file__).parent / "seeds"


class Target(NamedTuple):
    """One reader.

    Attributes:
        name: of the target and of its folder of seeds.
        decode: bytes → what they say.
        refuses: what it may raise, and nothing else.
        encode: the reverse.
        samples: bytes that are accepted, and others worth beginning with.
        use: what the system does with it; raises nothing.
        read_back: what reads the written down; `decode`, if left out.
        shape: of the bytes, where they have one.
    """

    name: str
    decode: Callable[[bytes], Any]
    refuses: tuple[type[Exception], ...]
    encode: Callable[[Any], bytes]
    samples: Callable[[], list[bytes]]
    use: Callable[[Any], object] = lambda _: None
    shape: Shape | None = None
    read_back: Callable[[bytes], Any] | None = None

    def seeds(self) -> list[bytes]:
        """The samples, and what once was a finding."""
        found = sorted(path for path in (SEEDS / self.name).glob("*") if path.is_file())
        return [*self.samples(), *(path.read_bytes() for path in found)]

    def accepts(self, packed: bytes) -> bool:
        """Whether bytes are accepted; raises what should not be raised, and AssertionError."""
        try:
            found = self.decode(packed)
        except self.refuses:
            return False
        written = self.encode(found)
        again = self.encode((self.read_back or self.decode)(written))
        assert again == written, f"{self.name}: {written!r:.300} is read as {again!r:.300}"
        self.use(found)
        return True


def _policy(packed: bytes) -> Policy:
    return policy_from_toml(packed.decode("utf-8", "replace"))


def _policies() -> list[bytes]:
    root = Path(__file__).parents[2]
    return [
        (root / "segmenter.toml").read_bytes(),
        b'preset = "grocery"\n[business]\ntimezone = "Europe/Berlin"\n[[business.exchange_rates]]\n'
        b'currency = "EUR"\nvalid_from = 2024-01-01\nrate = 1.08\n',
        b"[lifecycle.overdue]\ncycles = 1.5\nmin_days = 7\n[clusters]\nk = 4\n",
        b"a = " + b"[" * 3_000,
        b"[time]\nremembered_days = " + b"9" * 5_000,
        b"[time]\nremembered_days = 0x" + b"f" * 5_000,
    ]


def _as_toml(policy: Policy) -> bytes:
    return tomli_w.dumps(policy.model_dump()).encode()


TARGETS = (
    Target(
        "event",
        events.read,
        (events.Refused,),
        events.written,
        events.samples,
        events.fold,
        Shape(events.apart, lambda parts: events.together(parts, as_json)),
    ),
    Target(
        "held",
        decode_held,
        (CorruptState, NewerSchema),
        encode_held,
        persons.samples,
        shape=MSGPACK,
    ),
    Target(
        "transfer",
        persons.taken_in,
        (persons.Refused, NewerSchema),
        encode_held,
        persons.states,
        persons.live_on,
        MSGPACK,
        read_back=decode_held,
    ),
    Target("mark", decode_mark, (NotAMark,), encode_mark, persons.marks, shape=JSON),
    Target(
        "barrier",
        decode_barrier,
        (CorruptBarrier,),
        encode_barrier,
        learned.barriers,
        learned.learn_from,
        learned.IN_SLOTS,
    ),
    Target(
        "population",
        decode_population,
        (CorruptPopulation,),
        encode_population,
        learned.populations,
        learned.measure_against,
        JSON,
    ),
    Target(
        "experience",
        decode_experience,
        (CorruptExperience,),
        encode_experience,
        learned.experiences,
        learned.learn_on_from,
        MSGPACK,
    ),
    Target(
        "jsonl",
        files.read(".jsonl"),
        (SourceError,),
        files.written,
        files.jsonl,
        files.put_in,
        JSON_LINES,
    ),
    Target(
        "csv", files.read(".csv"), (SourceError,), files.written_as_csv, files.csv, files.put_in
    ),
    Target("policy", _policy, (PolicyError,), _as_toml, _policies, lambda each: each.version, TOML),
)
BY_NAME = {each.name: each for each in TARGETS}
