"""Participants that are sent elsewhere: to another conference."""

from __future__ import annotations

from pexrtc_py.node.admission import Refused, check_pin
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.invitations import Invitation
from pexrtc_py.node.ladder import check_signed_in
from pexrtc_py.node.moves import refer, send_over
from pexrtc_py.protocol.models import Role
from pexrtc_py.protocol.requests import Transfer


@answers(Transfer)
def transfer(asked: Asked, request: Transfer) -> bool:
    """The participant is referred to another conference, in a role there; whoever asks has to know the PIN of that role.

    Whom the node has called goes there with its call, and does nothing for it.

    Where that role must sign in, the participant must have done so with one of the identity providers there.
    """
    if not isinstance(request.role, Role):
        raise Refused(400, f"Illegal value: a role is host or guest, not {request.role!r}")
    into = asked.conference(request.conference_alias)
    check_pin(into.vmr, request.role, request.pin)
    check_signed_in(into.vmr, request.role, asked.target.idp, asked.config)
    invitation = Invitation(request.conference_alias, role=request.role)
    if asked.target.far_end is not None:
        send_over(asked.target, asked.room, into, invitation, asked.now)
    else:
        refer(asked.room, asked.target, into, invitation, asked.now)
    return True
