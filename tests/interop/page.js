// A visitor: the vendor's client with a canvas for a camera and an oscillator for a microphone. The test drives it by DevTools.
import * as infinity from '@pexip/infinity';

const SLOTS = ['main', 'slides'];
const RATE = 48000;

const tell = (signal, detail) => window.tell(JSON.stringify({ signal, detail: plain(detail) }));
const plain = value => {
    try {
        return JSON.parse(JSON.stringify(value ?? null));
    } catch {
        return String(value);
    }
};

const signals = infinity.createInfinityClientSignals([], { batchScheduleTimeoutMS: 50, batchBufferSize: 10 });
const callSignals = infinity.createCallSignals([]);
const streams = {};
const screens = Object.fromEntries(SLOTS.map(slot => [slot, screen()]));

function screen() {
    const video = document.createElement('video');
    video.muted = video.autoplay = video.playsInline = true;
    document.body.append(video);
    return video;
}

const show = (slot, stream) => {
    streams[slot] = stream;
    screens[slot].remove();
    screens[slot] = screen();
    screens[slot].srcObject = stream;
};
callSignals.onRemoteStream.add(stream => show('main', stream));
callSignals.onRemotePresentationStream.add(stream => show('slides', stream));
for (const [name, signal] of Object.entries(signals)) signal.add(detail => tell(name, detail));
for (const [name, signal] of Object.entries(callSignals)) {
    if (!name.endsWith('Stats') && !name.endsWith('Quality')) signal.add(detail => tell(`call.${name}`, detail));
}

const connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
        super(...options);
        connections.push(this);
    }
};

let ticks = 0;
callSignals.onRtcStats.add(() => {
    ticks += 1;
});

const client = infinity.createInfinityClient(signals, callSignals);
const sound = new AudioContext({ sampleRate: RATE });

// Pictures: in turn the colours as background, and on it the next of the stamps (bitmaps of one byte per cell, in base64).
function picture({ width, height, fps, colours, stamps, box }) {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const pen = canvas.getContext('2d');
    pen.imageSmoothingEnabled = false;
    const bitmaps = stamps.map(bytes => bitmap(bytes, box));
    let count = 0;
    const draw = () => {
        pen.fillStyle = colours[Math.floor(count / fps) % colours.length];
        pen.fillRect(0, 0, width, height);
        if (bitmaps.length) pen.drawImage(bitmaps[count % bitmaps.length], box.left, box.top, box.width, box.height);
        count += 1;
    };
    draw();
    setInterval(draw, 1000 / fps);
    return canvas.captureStream(fps);
}

function bitmap(bytes, { columns, rows }) {
    const canvas = new OffscreenCanvas(columns, rows);
    const pixels = new ImageData(columns, rows);
    [...atob(bytes)].forEach((cell, index) => pixels.data.set([...Array(3).fill(cell.charCodeAt(0)), 255], 4 * index));
    canvas.getContext('2d').putImageData(pixels, 0, 0);
    return canvas;
}

function tone(hz) {
    const target = sound.createMediaStreamDestination();
    const level = new GainNode(sound, { gain: 0.3 });
    const oscillator = new OscillatorNode(sound, { frequency: hz });
    oscillator.connect(level).connect(target);
    oscillator.start();
    return target.stream;
}

const source = ({ pictured, hz }) =>
    new MediaStream([...(hz ? tone(hz).getAudioTracks() : []), ...(pictured ? picture(pictured).getVideoTracks() : [])]);

const base64 = buffer => {
    let text = '';
    for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
    return btoa(text);
};

const analysers = new WeakMap();

window.visitor = {
    client,
    infinity,

    async join({ picture: pictured, hz, ...options }) {
        await sound.resume();
        const response = await client.call({
            callType: infinity.ClientCallType.AudioVideoPresentation,
            bandwidth: 2000,
            mediaStream: source({ pictured, hz }),
            ...options,
        });
        return response?.status;
    },

    // Leaves, and joins where it was sent, as the vendor's application does.
    async follow({ alias, token }, options) {
        await client.disconnect({ reason: 'Transfer' });
        return visitor.join({ ...options, conferenceAlias: alias, token });
    },

    send: ({ picture: pictured, hz }) => client.setStream(source({ pictured, hz })),

    present: pictured => client.present(picture(pictured)),

    // What is shown, as RGBA of the asked size, and how large it really is.
    look(slot, width, height) {
        const video = screens[slot];
        const pen = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
        pen.drawImage(video, 0, 0, width, height);
        return {
            size: [video.videoWidth, video.videoHeight],
            pixels: base64(pen.getImageData(0, 0, width, height).data.buffer),
        };
    },

    // The latest samples of what is heard.
    listen() {
        const stream = streams.main;
        if (!stream?.getAudioTracks().length) return '';
        if (!analysers.has(stream)) {
            const analyser = new AnalyserNode(sound, { fftSize: 32768 });
            sound.createMediaStreamSource(stream).connect(analyser);
            analysers.set(stream, analyser);
        }
        const samples = new Float32Array(32768);
        analysers.get(stream).getFloatTimeDomainData(samples);
        return base64(samples.buffer);
    },

    // As the client does when it finds the connection wanting.
    restart: () => connections.at(-1).restartIce(),

    ways: () => ({
        state: connections.at(-1).connectionState,
        theirs: /a=ice-ufrag:(\S+)/.exec(connections.at(-1).remoteDescription?.sdp ?? '')?.[1],
    }),

    // How often the client has looked at its statistics, which it does once a second.
    ticks: () => ticks,

    roster: () => client.getParticipants(infinity.MAIN_ROOM_ID).map(participant => participant.rawData),
};
