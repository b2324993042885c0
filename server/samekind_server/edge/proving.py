"""Keeps health true: proves again and again what each service needs, and says what was found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from samekind_server.edge.health import HealthServicer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proof:
    """One thing that `services` need, "" for the server as a whole: `prove` raises, or takes too long, where it is not so."""

    name: str
    services: tuple[str, ...]
    prove: Callable[[], Awaitable[None]]


class Proving:
    """Proves each thing every `every` seconds; a proof that takes more than `patience` fails, and is waited for before the next."""

    def __init__(self, health: HealthServicer, proofs: Sequence[Proof], *, every: float = 1.0, patience: float = 10.0) -> None:
        self._health, self._proofs = health, proofs
        self._every, self._patience = every, patience
        self._wrong = dict.fromkeys(proofs, "not proved yet")
        self._late: dict[Proof, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Proves everything once, and goes on from there."""
        await asyncio.gather(*(self._once(proof) for proof in self._proofs))
        self._tasks = [asyncio.create_task(self._keep(proof)) for proof in self._proofs]

    def stop(self) -> None:
        """Proves no more."""
        for task in (*self._tasks, *self._late.values()):
            task.cancel()

    async def _keep(self, proof: Proof) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._once(proof)

    async def _once(self, proof: Proof) -> None:
        self._say(proof, await self._found(proof))

    async def _found(self, proof: Proof) -> str:
        """What is wrong; "" where nothing is."""
        task = self._late.pop(proof, None) or asyncio.create_task(_awaited(proof.prove()))
        await asyncio.wait([task], timeout=self._patience)
        if not task.done():
            self._late[proof] = task
            return f"no answer within {self._patience:g} s"
        return str(error) or type(error).__name__ if (error := task.exception()) else ""

    def _say(self, proof: Proof, wrong: str) -> None:
        if wrong and wrong != self._wrong[proof]:
            log.error("not serving: %s: %s", proof.name, wrong)
        elif self._wrong[proof] and not wrong:
            log.info("%s: well", proof.name)
        self._wrong[proof] = wrong
        self._health.say({service: not any(self._wrong[other] for other in self._proofs if service in other.services) for service in proof.services})


async def _awaited(proving: Awaitable[None]) -> None:
    await proving
