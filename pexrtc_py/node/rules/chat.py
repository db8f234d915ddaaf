"""Messages to everybody or to one; never echoed to the sender."""

from __future__ import annotations

from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.protocol.events import MessageReceived
from pexrtc_py.protocol.requests import Message, ParticipantMessage


@answers(Message)
def message(asked: Asked, request: Message) -> bool:
    """Everybody else in the room receives it; False where chat is off or the sender still waits."""
    if not _may_chat(asked):
        return False
    asked.room.tell_room(_received(asked, request, direct=False), but=asked.sender)
    return True


@answers(ParticipantMessage)
def direct_message(asked: Asked, request: ParticipantMessage) -> bool:
    """One participant receives it."""
    if not _may_chat(asked) or asked.target.waiting:
        return False
    asked.room.tell(asked.target, _received(asked, request, direct=True))
    return True


def _may_chat(asked: Asked) -> bool:
    return asked.room.vmr.chat and not asked.sender.waiting


def _received(asked: Asked, said: Message | ParticipantMessage, *, direct: bool) -> MessageReceived:
    sender = asked.sender
    return MessageReceived(origin=sender.display_name, uuid=sender.uuid, type=said.type, payload=said.payload, direct=direct)
