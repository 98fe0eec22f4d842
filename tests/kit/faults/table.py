"""The fault matrix as data: each fault, how it is undone, and what may be lost of the faulted pool's share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kit.faults import inject
from kit.two_pools import TwoPools

OPEN, CLOSE = "FailOpen", "FailClose"

# States of lost requests, as Answers.causes() names them.
REFUSED = "status 500"  # the gateway's, when it may not do without an endpoint picker that does not answer
NO_SERVER = "status 503"  # the picker's or the gateway's, when the pool has no server that is ready or reachable
LATE = "status 504"  # the gateway's, at the route's limit
UNKNOWN_MODEL = "status 404"  # the model server's
CUT = "cut 200"  # an answer that began and did not end


@dataclass(frozen=True)
class Loss:
    """What may be lost of the faulted pool's share, whatever its number, and must not be lost elsewhere or later.

    `states` are the only ones, `seconds` after the fault (or, with `down`, after the repair) the last request that
    is lost may start; those under way at the fault are always among them. `certain`: at least one request must be lost.
    """

    states: frozenset[str] = frozenset()
    seconds: float = 0
    down: bool = False
    certain: bool = False

    def __str__(self) -> str:
        if not self.states:
            return "nothing"
        kinds = ", ".join(sorted(self.states))
        if self.down:
            return f"its whole share while it is down and {self.seconds:g} s more: {kinds}"
        return (
            f"what starts until {self.seconds:g} s after the fault: {kinds}" if self.seconds else f"in flight: {kinds}"
        )


NOTHING = Loss()


def until(seconds: float, *states: str) -> Loss:
    return Loss(frozenset(states), seconds)


def down(seconds: float, *states: str) -> Loss:
    return Loss(frozenset(states), seconds, down=True, certain=True)


@dataclass(frozen=True)
class Row:
    """A fault, `hold` seconds from its injection to its repair, and what it may cost in each failureMode.

    `split` is the faulted pool's percent afterwards, `workers` are the nodes it needs beside the first.
    """

    name: str
    inject: Callable[[TwoPools], None]
    repair: Callable[[TwoPools], None]
    hold: float
    loss: Mapping[str, Loss] = field(default_factory=lambda: {OPEN: NOTHING, CLOSE: NOTHING})
    split: int = 50
    workers: int = 0


def both(loss: Loss) -> Mapping[str, Loss]:
    return {OPEN: loss, CLOSE: loss}


ROWS = (
    Row(
        "EPP killed",
        inject.kill_picker,
        inject.wait_until_ready,
        5,
        # FailOpen does without an EPP that does not answer; one that starts again answers, 500 until it knows its pool.
        both(until(15, REFUSED, NO_SERVER, CUT)),
    ),
    Row(
        "EPP scaled to 0",
        inject.scale_picker_down,
        inject.scale_picker_up,
        12,
        {OPEN: NOTHING, CLOSE: down(10, REFUSED)},
    ),
    Row(
        "model servers killed",
        inject.kill_servers,
        inject.wait_until_ready,
        5,
        both(until(15, NO_SERVER, UNKNOWN_MODEL, CUT)),
    ),
    Row(
        "a model server of two killed",
        inject.kill_a_server,
        inject.wait_until_ready,
        5,
        both(until(5, NO_SERVER, UNKNOWN_MODEL, CUT)),
    ),
    Row("model servers scaled to 0", inject.scale_servers_down, inject.scale_servers_up, 12, both(down(10, NO_SERVER))),
    Row("a model server of two scaled away", inject.scale_servers_to_one, inject.scale_servers_up, 10),
    Row(
        "model servers hung",
        inject.hang_servers,
        inject.wait_until_ready,
        20,
        both(until(45, NO_SERVER, LATE, UNKNOWN_MODEL, CUT)),
    ),
    Row(
        "a model server of two hung",
        inject.hang_a_server,
        inject.wait_until_ready,
        20,
        both(until(5, NO_SERVER, LATE, CUT)),
    ),
    Row("gateway restarted", inject.restart_gateway, inject.wait_until_ready, 2),
    Row("istiod down while weight moves", inject.stop_controller_and_move_weight, inject.start_controller, 5, split=80),
    Row("API server down", inject.stop_api_server, inject.start_api_server, 20),
    Row("pool upgraded: image, argument, plugins", inject.upgrade, inject.roll_back, 2),
    Row("pool upgraded to slow starters", inject.upgrade_to_slow_starters, inject.roll_back, 2),
    Row(
        "adapter unloaded",
        inject.unload_adapter,
        inject.wait_until_ready,
        10,
        both(until(10, NO_SERVER, UNKNOWN_MODEL)),
    ),
    Row(
        "adapter removed by an upgrade",
        inject.remove_adapter,
        inject.add_adapter,
        8,
        both(down(10, NO_SERVER, UNKNOWN_MODEL)),
    ),
    Row(
        "node drained",
        inject.drain_node,
        inject.uncordon_node,
        5,
        {OPEN: NOTHING, CLOSE: until(5, REFUSED)},
        workers=1,
    ),
)
