"""Who is left out of a list that somebody will write to: the same gate as for alerts, and the holdout.

    suppressed ─► no consent for the channel ─► told of too often lately ─► held out ─► stays

Who is held out and refused as well counts as refused: they would not have been written to anyway. To be
exported is not to be told of, so nothing is noted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from tempfile import SpooledTemporaryFile

from models.alert_record import Arm
from models.erasure import Pseudonyms
from models.gate import Contact, Refusal, refusal
from models.holdout import arm_of
from models.policy import Policy
from streams.alert_reads import AlertReads
from streams.api.people import Person, WhyNot
from streams.lookup import Lookup
from streams.refusal import Refused

REASONS = (*(each.value for each in Refusal), Arm.HELD_OUT.value)
IN_MEMORY_BYTES = 16 * 2**20
PIECE_BYTES = 2**16


class Exports:
    """Says who is left out of lists.

    Args:
        reads: when customers were told of lately.
        lookup: on the store that serves.
        policy: in force.
        pseudonyms: with the installation's key.
    """

    def __init__(
        self, reads: AlertReads, lookup: Lookup, policy: Policy, pseudonyms: Pseudonyms
    ) -> None:
        self._reads, self._lookup = reads, lookup
        self._policy, self._pseudonyms = policy, pseudonyms

    async def why_not(self, channel: str, now_ms: int, *, leave_out_held_out: bool) -> WhyNot:
        """What tells of each of some members why they are left out.

        Args:
            channel: whoever the gate refuses for it is; "": the gate is not asked.
            now_ms: wall clock.
            leave_out_held_out: whether they are.

        Raises:
            Refused: the workers have another hash key, so they hold others out.
            NothingYet, StoreUnavailable.
        """
        if leave_out_held_out:
            await self._require_same_key()

        async def reasons(people: Sequence[Person]) -> Sequence[str | None]:
            ids = [each.customer_id for each in people]
            told = await self._reads.told_ms(ids) if channel else [()] * len(ids)
            return [
                self._refused(each, told_ms, channel, now_ms)
                or (self._held_out(each) if leave_out_held_out else None)
                for each, told_ms in zip(people, told, strict=True)
            ]

        return reasons

    def _refused(
        self, person: Person, told_ms: tuple[int, ...], channel: str, now_ms: int
    ) -> str | None:
        if not channel:
            return None
        return refusal(Contact(person.state.attributes, told_ms), channel, self._policy, now_ms)

    def _held_out(self, person: Person) -> str | None:
        arm = arm_of(person.customer_id, self._policy.alerts, self._pseudonyms)
        return Arm.HELD_OUT if arm is Arm.HELD_OUT else None

    async def _require_same_key(self) -> None:
        own = self._pseudonyms.key_id
        if any(each.nonce and each.key_id != own for each in await self._lookup.metas()):
            raise Refused(
                "the workers have another hash key, so who is held out can't be told; "
                "set the same SEGMENTER_HASH_KEY here"
            )


def counted(left_out: Counter[str]) -> dict[str, int]:
    """How many were left out, by reason; all reasons."""
    return {each: left_out[each] for each in REASONS}


def as_header(left_out: Counter[str]) -> str:
    """The same as the value of a header: a dictionary as RFC 8941 has it.

    >>> as_header(Counter(held_out=2))
    'suppressed=0, no_consent=0, too_often=0, held_out=2'
    """
    return ", ".join(f"{name}={count}" for name, count in counted(left_out).items())


async def whole(pieces: AsyncIterator[bytes]) -> Iterator[bytes]:
    """All of a file, once its last piece is known; a large one waits on the disk, without a name."""
    file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by who reads it
    try:
        async for each in pieces:
            file.write(each)
        file.seek(0)
    except BaseException:
        file.close()
        raise

    def read() -> Iterator[bytes]:
        with file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    return read()
