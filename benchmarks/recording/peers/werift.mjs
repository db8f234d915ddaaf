// werift's MediaRecorder into .webm, packets as they come: `node werift.mjs URL CALLS SECONDS FOLDER`.
import { RTCPeerConnection, useOPUS, useVP8 } from 'werift';
import { MediaRecorder } from 'werift/nonstandard';

// It holds back so many seconds to bring sound and picture together, and forgets them when it is stopped.
const HELD = 0.5;
const [url, calls, seconds, folder] = process.argv.slice(2);

const say = (event, call, more = {}) => console.log(JSON.stringify({ event, at: Date.now() / 1000, call, ...more }));
const pause = time => new Promise(resolve => setTimeout(resolve, 1000 * time));

function listen(track, call) {
    const { unSubscribe } = track.onReceiveRtp.subscribe(({ header }) => {
        if (!header.marker) return;
        say('first_frame', call);
        unSubscribe();
    });
}

async function record(call) {
    const path = `${folder}/${call}.webm`;
    const peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-bundle', codecs: { audio: [useOPUS()], video: [useVP8()] } });
    const recorder = new MediaRecorder({ path, numOfTracks: 2, width: 1280, height: 720 });
    peer.onTrack.subscribe(async track => {
        if (track.kind === 'video') listen(track, call);
        await recorder.addTrack(track);
    });
    for (const kind of ['audio', 'video']) peer.addTransceiver(kind, { direction: 'recvonly' });
    await peer.setLocalDescription(await peer.createOffer());
    say('offer_sent', call);
    const answer = await fetch(`${url}/offer`, { method: 'POST', body: peer.localDescription.sdp });
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    if (peer.connectionState !== 'connected') await peer.connectionStateChange.watch(state => state === 'connected');
    await pause(seconds);
    say('file', call, { path });
    await pause(HELD);
    await recorder.stop();
    await peer.close();
}

const later = async call => {
    await pause(0.37 * call);
    await record(call);
};
await Promise.all(Array.from({ length: Number(calls) }, (_, call) => later(call)));
process.exit(0);
