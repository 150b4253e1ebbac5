"""Why a broker does not let us in: one line is opened, and what goes wrong is told with its way out.

kafka-python tries again until its time is up, and keeps what was wrong for its log. So when it has given
up, aiokafka's connection, which raises, is asked.
"""

from __future__ import annotations

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from streams.brokers import Brokers

PATIENCE_S = 5.0  # a broker that is there and does not answer is not our matter
DEFAULT_PORT = 9092


def why_not_let_in(brokers: Brokers) -> str:
    """What keeps us out, and what to change; "" if nothing does, or nobody is there. Blocks."""
    with ThreadPoolExecutor(1) as apart:  # the caller's thread may have a loop of its own
        return apart.submit(asyncio.run, _told(brokers)).result()


async def _told(brokers: Brokers) -> str:
    told = await asyncio.gather(*(_told_at(brokers, each) for each in brokers.addresses))
    return next(filter(None, told), "")


async def _told_at(brokers: Brokers, address: str) -> str:
    settings = brokers.client_settings()
    del settings["bootstrap_servers"]
    try:
        place = urlsplit(f"//{address}")
        async with asyncio.timeout(PATIENCE_S):
            line = await create_conn(place.hostname, place.port or DEFAULT_PORT, **settings)
            line.close()
    except ssl.SSLCertVerificationError as error:
        return (
            f"its certificate is not accepted: {error.verify_message.rstrip('.')}; kafka_ssl_cafile must hold whoever "
            "has signed it, and bootstrap_servers a name that it is for"
        )
    except SaslAuthenticationFailed:
        return (
            f"it does not let {brokers.sasl_username!r} in by {brokers.sasl_mechanism}; "
            "check kafka_sasl_username and kafka_sasl_password"
        )
    except UnsupportedSaslMechanismError:
        return f"it does not know {brokers.sasl_mechanism}; change kafka_sasl_mechanism"
    except IllegalSaslStateError:
        return (
            f"it asks nobody for a name at that port, and we speak {brokers.security_protocol}; "
            "change kafka_security_protocol"
        )
    except (KafkaConnectionError, ssl.SSLError, ConnectionResetError):
        return _told_of_a_broken_line(brokers)
    except (KafkaError, OSError, ValueError):  # nobody is there, or answers in time; or no address
        return ""
    return ""


def _told_of_a_broken_line(brokers: Brokers) -> str:
    """Whoever speaks another protocol hangs up, and so does a broker that misses our certificate."""
    protocol = brokers.security_protocol
    misses = protocol.encrypts and not brokers.ssl_certfile
    return (
        f"somebody is there, but hangs up on {protocol}: that port may want another "
        f"kafka_security_protocol{', or miss a kafka_ssl_certfile' if misses else ''}; or else it is not "
        "ready yet"
    )
