from __future__ import annotations

from enum import Enum

import pytest

from pexrtc_py.errors import InvalidTransition, UsageError
from pexrtc_py.protocol import Machine, Table, see


class Door(Enum):
    OPEN = 1
    SHUT = 2


class Push: ...


class Pull: ...


DOORS: Table[Door] = {(Door.OPEN, Push): Door.SHUT, (Door.SHUT, Pull): Door.OPEN}


def test_a_legal_input_moves_the_machine_by_value_or_by_type() -> None:
    assert see("door", DOORS, Door.OPEN, Push()) is Door.SHUT
    assert see("door", DOORS, Door.SHUT, Pull) is Door.OPEN


def test_an_illegal_input_is_refused_with_its_circumstances_and_moves_nothing() -> None:
    door = Machine("door", DOORS, Door.OPEN)
    pull = Pull()

    with pytest.raises(InvalidTransition, match="Pull makes no sense for the door while it is OPEN") as refused:
        door.see(pull)

    assert (refused.value.machine, refused.value.state, refused.value.input) == ("door", Door.OPEN, pull)
    assert isinstance(refused.value, UsageError)
    assert door.state is Door.OPEN
    assert door.allows(Push)
    assert not door.allows(pull)


def test_a_machine_stays_where_its_last_input_moved_it() -> None:
    door = Machine("door", DOORS, Door.OPEN)

    moved = door.see(Push())

    assert moved is door.state is Door.SHUT
