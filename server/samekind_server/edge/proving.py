"""Keeps health true: proves again and again what each service needs, and says what was found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from samekind_server.edge.health import HealthServicer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proof:
    """One thing that `services` need, "" for the server as a whole: `prove` raises, or takes too long, where it is not so."""

    name: str
    services: tuple[str, ...]
    prove: Callable[[], Coroutine[Any, Any, None]]


class Proving:
    """Proves each thing every `every` seconds. A proof that takes more than `patience` fails, and is begun again."""

    def __init__(self, health: HealthServicer, proofs: Sequence[Proof], *, every: float = 1.0, patience: float = 10.0) -> None:
        self._health, self._proofs = health, proofs
        self._every, self._patience = every, patience
        self._wrong = dict.fromkeys(proofs, "not proved yet")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Proves everything once, and goes on from there."""
        await asyncio.gather(*(self._once(proof) for proof in self._proofs))
        self._tasks = [asyncio.create_task(self._keep(proof)) for proof in self._proofs]

    def stop(self) -> None:
        """Proves no more."""
        for task in self._tasks:
            task.cancel()

    async def _keep(self, proof: Proof) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._once(proof)

    async def _once(self, proof: Proof) -> None:
        wrong = await self._found(proof)
        if wrong and wrong != self._wrong[proof]:
            log.error("not serving: %s: %s", proof.name, wrong)
        elif self._wrong[proof] and not wrong:
            log.info("%s: well", proof.name)
        self._wrong[proof] = wrong
        self._health.say({service: not any(self._wrong[other] for other in self._proofs if service in other.services) for service in proof.services})

    async def _found(self, proof: Proof) -> str:
        """What is wrong; "" where nothing is."""
        try:
            await asyncio.wait_for(proof.prove(), self._patience)
        except TimeoutError:
            return f"no answer within {self._patience:g} s"
        except Exception as error:
            return str(error) or type(error).__name__
        return ""
