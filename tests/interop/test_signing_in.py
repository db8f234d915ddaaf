"""What the page that opens an identity provider's window makes of what is said to it, played with a window that is none."""

from __future__ import annotations

import asyncio
import json

from pexrtc_py.browser_sso import _opener
from pexrtc_py.errors import SsoRedirect
from pexrtc_py.protocol.models import Idp

PAGE = """
const popup = {close() {}}, window = {open: () => popup}, button = {}, posted = [];
const document = {querySelector: () => button, body: {}};
let listener;
const addEventListener = (_, called) => { listener = called; };
const fetch = async (url, {body}) => { posted.push(JSON.parse(body)); };
"""
SAID = """
button.onclick();
for (const data of [undefined, null, 'ready', {resize: 400}, {result: 'success', token: 't'}]) listener({source: popup, data});
listener({source: {}, data: {result: 'success', token: 'of somebody else'}});
console.log(JSON.stringify(posted));
"""


async def test_what_a_provider_s_window_says_besides_the_result_is_not_taken_for_it() -> None:
    wanted = SsoRedirect("https://idp", Idp(name="Corp", uuid="c1"), popup=True)
    script = _opener(wanted, "/done").partition("<script>")[2].removesuffix("</script>")

    node = await asyncio.create_subprocess_exec("node", "-e", PAGE + script + SAID, stdout=asyncio.subprocess.PIPE)
    printed, _ = await node.communicate()

    assert node.returncode == 0
    assert json.loads(printed) == [{"result": "success", "token": "t"}]
