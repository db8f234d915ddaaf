"""`PexRTC`: joining, the call and its media, under the JavaScript object's names; what is done is done by `join` and `Conference`."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pexrtc_py.calling import CallOptions
from pexrtc_py.channel import PresentationImage
from pexrtc_py.engine.types import Direction, Slot
from pexrtc_py.errors import ExtensionRequired, IdpRequired, JoinNeedsMore, PinRequired, SsoRedirect, UsageError
from pexrtc_py.joining import join
from pexrtc_py.pexrtc.calltypes import BY_RTMP
from pexrtc_py.pexrtc.following import present, turns
from pexrtc_py.pexrtc.pending import Pending
from pexrtc_py.pexrtc.slides import Slides
from pexrtc_py.pexrtc.statistics import Statistics, media_statistics
from pexrtc_py.pexrtc.streams import MediaStream, RemoteStream
from pexrtc_py.pexrtc.wishes import sections, source_of, wishes
from pexrtc_py.protocol import events as told
from pexrtc_py.protocol.models import ReferTarget, Role, Theme
from pexrtc_py.protocol.requests import VideoMuted, VideoUnmuted
from pexrtc_py.signaling.ending import Ended, EndReason
from pexrtc_py.signaling.floor import PresentationLost
from pexrtc_py.signaling.joining import Answers

if TYPE_CHECKING:
    from pathlib import Path

    from pexrtc_py.call import Call
    from pexrtc_py.conference import Conference


class PexRTC(Slides):
    """The documented JavaScript object in Python: set callbacks and variables, `make_call`, `connect` when `on_setup` asks.

    Methods return a `Pending`: await it for the result, or leave it; what goes wrong in one that nobody awaits is told to `on_error`.
    `ca_file`, `insecure` and `proxy` say how the node is trusted and reached, as in `join`.
    """

    def __init__(self, *, ca_file: str | Path | None = None, insecure: bool = False, proxy: str | None = None) -> None:
        super().__init__()
        self._reach: dict[str, Any] = {"ca_file": ca_file, "insecure": insecure, "proxy": proxy}
        self._entering: Pending[None] | None = None
        self._asked: asyncio.Future[Answers] | None = None
        self._pin_status = "none"
        self._confirmed = False
        self._role: Role | str = ""
        self._call_type: str | None = None
        self._muted = {Slot.AUDIO: False, Slot.VIDEO: False}
        self._node, self._alias, self._name = "", "", ""

    # Joining

    def make_call(self, node: str, conference: str, name: str, bandwidth: int | None = None, call_type: str | None = None) -> Pending[None]:
        """Join a conference of a node (a host, or a URL); `on_setup` comes next. `bandwidth` is kbps for both directions."""
        if self._entering is not None:
            raise UsageError("A call is being made, or there is one; disconnect() first.")
        if bandwidth is not None:
            self.bandwidth_in = self.bandwidth_out = bandwidth
        self._call_type, self._node, self._alias, self._name = call_type, node, conference, name
        wishes(self, call_type)  # so that a call type that there is not is found before anybody is asked
        self._entering = self._do(self._enter())
        return self._entering

    def connect(self, pin: str | None = None, extension: str | None = None, idp: str | None = None, sso_token: str | None = None) -> None:
        """Go on after `on_setup` or `on_auth`, with what they asked for; `on_connect` comes next, or one of these again."""
        asked, self._asked = self._asked, None
        if asked is None or asked.done():
            raise UsageError("Nobody asks: connect() answers on_setup and on_auth, once each time.")
        given = {"pin": pin, "extension": extension, "idp": idp, "sso_token": sso_token}
        asked.set_result(cast(Answers, {key: value for key, value in given.items() if value is not None}))

    async def _enter(self) -> None:
        try:
            conference = await self._join()
            self._conference, self._role = conference, conference.role
            conference.on(object)(partial(self._follow, conference))
            for turn in present(conference):
                self._call(*turn)
            await self._go_on(self._call_type)
        except BaseException:
            self._entering = None
            if self._conference is not None:
                await self._conference.leave()
            raise

    async def _join(self) -> Conference:
        self._confirmed, token, self.one_time_token = False, self.one_time_token, None
        return await join(
            self._alias,
            node=self._node,
            display_name=self._name,
            **self._reach,
            media=False,
            ask=self._ask,
            token=token,
            call_tag=self.call_tag,
            client_id=self.client_id,
            registration_token=self.registration_token,
            sso_redirect_target=self.sso_redirect_target,
            direct_media=self._call_type not in BY_RTMP,
        )

    async def _ask(self, wanted: JoinNeedsMore) -> Answers:
        """Ask the user, by `on_setup` or `on_auth`, and wait for `connect`."""
        if isinstance(wanted, SsoRedirect):
            if self.on_auth is None:
                raise wanted
            return await self._answer("on_auth", wanted.url, wanted.idp.uuid, wanted.idp.name)
        if isinstance(wanted, PinRequired):
            self._pin_status = "required" if wanted.guest_pin else "optional"
        if isinstance(wanted, ExtensionRequired):
            return await self._answer("on_setup", None, "none", wanted.kind, None)
        if isinstance(wanted, IdpRequired):
            return await self._answer("on_setup", None, "none", None, list(wanted.idps))
        answers = await self._answer("on_setup", None, self._pin_status, None, None)
        return {"pin": answers.get("pin") or "none"}

    async def _answer(self, name: str, *arguments: object) -> Answers:
        """What connect() says to this; it confirms that a call may be placed, unless it only said where."""
        self._asked = asyncio.get_running_loop().create_future()
        asked = self._asked
        self._call(name, *arguments)
        answers = await asked
        self._confirmed = "extension" not in answers
        return answers

    async def _go_on(self, call_type: str | None) -> None:
        """Place the call, once the user has said so: by a PIN, by signing in, or when asked for nothing else."""
        if not self._confirmed:
            await self._answer("on_setup", self._local_stream(call_type), "none", None, None)
        self._confirmed = False
        await self._place(call_type)

    async def _place(self, call_type: str | None) -> None:
        self._call_type, wanted = call_type, wishes(self, call_type)
        if wanted is None:
            self._call("on_connect", None)
            return
        await self._connected(await self.conference.add_call(**wanted))
        if call_type == "presentation":
            self.get_presentation()
        elif call_type == "screen":
            await self._share()

    async def _connected(self, call: Call) -> None:
        for slot, muted in self._muted.items():
            if slot in call.slots:
                call.slots[slot].muted = muted
        self._call("on_connect", self._remote_stream(call))
        hidden = self._muted[Slot.VIDEO] or not sections(self, self._call_type).get(Slot.VIDEO, Direction.INACTIVE).sends
        await self.conference.ask_as_me(VideoMuted() if hidden else VideoUnmuted())

    async def _moved(self, room: str) -> None:
        """As a host, go on with the call in a breakout room, or in the "main" room again."""
        if self.conference.call is None:
            return
        await self._stop_sharing("Call disconnected")
        self._stop_watching("Call disconnected")
        await self._connected(await self.conference.enter_breakout(room))

    # What the call carries

    def _local_stream(self, call_type: str | None) -> MediaStream | None:
        wanted = wishes(self, call_type) or CallOptions()
        audio, video = wanted.get("audio"), wanted.get("video")
        return MediaStream(audio, video) if audio or video else None

    @staticmethod
    def _remote_stream(call: Call) -> RemoteStream | None:
        stream = RemoteStream(call.slots.get(Slot.AUDIO), call.slots.get(Slot.VIDEO))
        return stream if stream.audio or stream.video else None

    # The call

    def add_call(self, call_type: str | None = None) -> Pending[None]:
        """Add sound and pictures, slides or a screen; `on_setup` comes next, then `on_connect`."""
        return self._do(self._add(call_type))

    async def _add(self, call_type: str | None) -> None:
        wishes(self, call_type)
        if self.conference.call is None:
            await self._go_on(call_type)
            return
        await self._hang_up()
        await self._place(call_type)

    def disconnectcall(self) -> Pending[None]:
        """End the call and stay for control only."""
        return self._do(self._hang_up())

    disconnect_call = disconnectcall

    async def _hang_up(self) -> None:
        await self._stop_sharing("Call disconnected")
        self._stop_watching("Call disconnected")
        await self._keep_sources()
        await self.conference.drop_call()

    async def _keep_sources(self) -> None:
        """What the call sends stays open, for another is to send it too."""
        if self._conference is not None and self._conference.call is not None:
            await self._conference.call.detach()

    def disconnect(self) -> Pending[None]:
        """Leave."""
        return self._do(self._leave("User initiated disconnect"))

    async def _leave(self, reason: str) -> None:
        entering, self._entering, self._asked = self._entering, None, None
        if entering is not None:
            entering.cancel()
        if self._conference is not None:
            await self._stop_sharing(reason)
            await self._conference.leave(reason)

    def renegotiate(self, resend_sdp: bool = False) -> Pending[None]:
        """Send what the variables name now; with `resend_sdp` agree anew with the node, on bandwidths and the way there."""
        return self._do(self._renegotiate(resend_sdp))

    async def _renegotiate(self, resend_sdp: bool) -> None:
        call = self._current_call()
        for slot in (Slot.AUDIO, Slot.VIDEO):
            if slot in call.slots and call.slots[slot].outbound.source is not (source := source_of(self, slot) or None):
                await call.slots[slot].send(source)
        wanted = sections(self, self._call_type)
        await call.set_directions({slot: wanted.get(slot, Direction.INACTIVE) for slot in call.slots})
        if resend_sdp:
            call.set_bandwidth(self.bandwidth_in, out=self.bandwidth_out)
            await call.renegotiate(restart=True)
            self._call("on_ice_restart")

    def _current_call(self) -> Call:
        if self.conference.call is None:
            raise UsageError("There is no call; add_call() makes one.")
        return self.conference.call

    def mute_audio(self, setting: bool) -> bool:
        """Send silence, or sound again, and tell the others; returns the new setting."""
        self._mute(Slot.AUDIO, setting)
        if self._conference is not None and self._since(36):
            self._do(self._who(None).client_mute() if setting else self._who(None).client_unmute())
        return setting

    def mute_video(self, setting: bool) -> bool:
        """Send black, or pictures again, and tell the others; returns the new setting."""
        self._mute(Slot.VIDEO, setting)
        if self._conference is not None:
            self._do(self._conference.ask_as_me(VideoMuted() if setting else VideoUnmuted()))
        return setting

    def _mute(self, slot: Slot, setting: bool) -> None:
        self._muted[slot] = setting
        call = self._conference.call if self._conference is not None else None
        if call is not None and slot in call.slots:
            call.slots[slot].muted = setting

    def _since(self, version: int) -> bool:
        told_version = self.conference.session.token.version.version_id
        return told_version.isdigit() and int(told_version) >= version

    def get_media_statistics(self) -> Statistics:
        """How sound, pictures and slides fare, outgoing and incoming; nothing without a call."""
        call = self._conference.call if self._conference is not None else None
        return media_statistics({} if call is None else call.stats())

    def get_secure_check_code(self) -> str:
        """What both sides of a call in direct media must see alike; "INVALID" until it is known, and in all other calls."""
        call = self._conference.call if self._conference is not None else None
        code = call.check_code if call is not None else None
        return code or "INVALID"

    # What happens

    def _follow(self, conference: Conference, event: object) -> None:
        """Call back for an event of the conference that we are in."""
        if conference is not self._conference:
            return
        for turn in turns(event, conference):
            self._call(*turn)
        match event:
            case told.PresentationStop():
                self._stop_watching("Presentation ended")
            case PresentationLost():
                self._do(self._stop_sharing("Presentation ended"))
            case told.PresentationFrame() | PresentationImage():
                self._see_still(event)
            case told.Fecc() if self.fecc_supported:
                self._call("on_fecc", event)
            case told.ParticipantUpdate() if event.participant.uuid == self.uuid:
                self._see_role(event.participant.role)
            case told.SplashScreen():
                self._do(self._splash(event))
            case told.Refer() if event.target not in {ReferTarget.DIRECT, ReferTarget.TRANSCODED}:  # there the conference goes by itself
                self._do(self._transferred(event))
            case told.BreakoutRefer():
                self._do(self._moved(event.breakout_uuid))
            case Ended():
                self._ended(event)
            case _:
                pass

    def _see_role(self, role: Role | str) -> None:
        before, self._role = self._role, role
        if role != before:
            self._call("on_role_update", str(role))

    async def _splash(self, event: told.SplashScreen) -> None:
        if event.screen_key is None:
            self._call("on_splash_screen", None)
            return
        theme = await self.conference.get_theme()
        screen = getattr(theme, str(event.screen_key), None) if isinstance(theme, Theme) else None
        properties = {
            "screen_key": str(event.screen_key),
            "text": "\n".join(line.text for line in screen.elements) if screen else "",
            "background": self._url(f"theme/{screen.background.path}") if screen and screen.background else None,
            "display_duration": event.display_duration,
        }
        self._call("on_splash_screen", properties)

    async def _transferred(self, event: told.Refer) -> None:
        """Leave, say so, and go where we are sent."""
        await self._keep_sources()
        await self._leave("Call transferred")
        self._conference, self.one_time_token = None, event.token
        self._call("on_call_transfer", event.alias)
        self.make_call(self._node, event.alias, self._name, call_type=self._call_type)

    def _ended(self, ended: Ended) -> None:
        self._entering = None
        self._stop_watching("Call disconnected")
        if ended.reason is EndReason.LEFT:
            return
        if ended.error is not None or ended.reason is EndReason.MEDIA_LOST:
            self._call("on_error", str(ended))
        else:
            self._call("on_disconnect", ended.detail or str(ended.reason))

    # Asking

    def get_roster_list(self) -> list[Any]:
        """Everybody in the conference."""
        return self.roster_list

    def get_version(self) -> str:
        """The node's version, such as "37 (79019.0.0)"."""
        return self.version
