"""Who was erased, as `erasures.v1` tells it to whoever folds a log from its beginning.

Enters: the records of that topic. Leaves: the marks that a partition is born with. A record that
another key's holders wrote means that the key has changed: then nobody could be recognised.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from models.erasure import Mark, NotAMark, decode_mark
from streams.chunk import LogIdentity
from streams.log import Record
from streams.refusal import Refused


def born_marks(records: Iterable[Record], log: LogIdentity) -> dict[str, Mark]:
    """The marks that concern a partition, by pseudonym.

    Those of other installations on the same cluster count, too, if they were made with the same key:
    an installation that begins under another name forgets nobody.

    Args:
        records: of `erasures.v1`, oldest first.
        log: which partition of which installation.

    Raises:
        Refused: they were written with another key, or are not readable.
    """
    marks: dict[str, Mark] = {}
    for record in records:
        if record.value is None or record.key is None:
            continue
        ours = dict(record.headers).get("source.namespace") == log.namespace.encode()
        name = record.key.decode("utf-8", "replace").rpartition("/")[2]
        try:
            mark, body = decode_mark(record.value), json.loads(record.value)
        except NotAMark as error:
            raise Refused(
                f"erasures.v1, offset {record.offset}: {error}; without it someone who asked to be "
                "forgotten would come back: restore the record, or delete it if it is not ours"
            ) from error
        if body.get("key_id") != log.pseudonyms.key_id:
            if not ours:
                continue
            raise Refused(
                f"erasures.v1 was written with hash key {body.get('key_id') or '(none)'}, this "
                f"worker has {log.pseudonyms.key_id or '(none)'}: those who asked to be forgotten "
                "would come back; set SEGMENTER_HASH_KEY to the key it was written with"
            )
        if body.get("partitions") == log.partitions and body.get("partition") != log.partition:
            marks.pop(name, None)  # the log was given more partitions since
            continue
        known = marks.get(name)
        if known is None or known.through_ms < mark.through_ms:
            marks[name] = mark
    return marks
