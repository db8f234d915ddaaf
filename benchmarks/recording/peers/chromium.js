// One call, recorded by MediaRecorder; what it has to say and each second of the file go to the driver that served it.
const asked = Object.fromEntries(new URLSearchParams(location.search));

const post = (path, body) => fetch(path, { method: 'POST', body });
const tell = (event, more = {}) => post('/told', JSON.stringify({ event, call: Number(asked.call), at: Date.now() / 1000, ...more }));
const once = (target, event) => new Promise(resolve => target.addEventListener(event, resolve, { once: true }));
const until = async (peer, event, holds) => {
    while (!holds()) await once(peer, event);
};
const pause = seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds));

// The sound of a call flows only while an element plays it; the picture flows without, and is looked at until the first is there.
function look(audio, video) {
    Object.assign(document.createElement('audio'), { srcObject: new MediaStream([audio]), muted: true }).play();
    const screen = Object.assign(document.createElement('video'), { srcObject: new MediaStream([video]), muted: true });
    document.body.append(screen);
    screen.requestVideoFrameCallback(() => {
        tell('first_frame');
        screen.srcObject = null;
        screen.remove();
    });
    screen.play().catch(() => {});
}

async function record() {
    const peer = new RTCPeerConnection();
    const [audio, video] = ['audio', 'video'].map(kind => peer.addTransceiver(kind, { direction: 'recvonly' }).receiver.track);
    await peer.setLocalDescription();
    await until(peer, 'icegatheringstatechange', () => peer.iceGatheringState === 'complete');
    tell('offer_sent');
    const answer = await (await post(`${asked.url}/offer`, peer.localDescription.sdp)).text();
    look(audio, video);
    const recorder = new MediaRecorder(new MediaStream([audio, video]), asked.type ? { mimeType: asked.type } : {});
    let kept = Promise.resolve();
    recorder.ondataavailable = ({ data }) => {
        kept = kept.then(() => post(`/file/${asked.call}`, data));
    };
    recorder.start(1000);
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    await until(peer, 'connectionstatechange', () => peer.connectionState === 'connected');
    await pause(Number(asked.seconds));
    const stopped = once(recorder, 'stop');
    const at = Date.now() / 1000;
    recorder.stop();
    await stopped;
    await kept;
    await tell('file', { at, type: recorder.mimeType });
    peer.close();
}

record().catch(error => tell('failed', { words: String(error) }));
