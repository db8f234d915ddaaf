"""How the node answers: one function per request, by topic. Importing this package fills `asked.RULES`.

One more endpoint costs its declaration in `protocol/requests` and one function here.
"""

from pexrtc_py.node.rules import audio, calls, chat, control, floor, hosting, layout, lobby, moving, roster, session

__all__ = ["audio", "calls", "chat", "control", "floor", "hosting", "layout", "lobby", "moving", "roster", "session"]
