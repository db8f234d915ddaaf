// The media of a conference: one connection with sound, main video and slides.

const SLIDES = 'a=content:slides\r\n';

// The third section is that of the slides, which no browser can say by itself.
function marked(sdp) {
    const parts = sdp.split(/(?=^m=)/m);
    return parts.map((part, index) => (index === 3 ? part.replace(/\r?\n?$/, '\r\n') + SLIDES : part)).join('');
}

export class Call {
    #conference;
    #peer;
    #path = null;
    #waiting = [];

    constructor(conference, { onMain, onSlides, onFailed }) {
        this.#conference = conference;
        this.#peer = new RTCPeerConnection({ iceServers: conference.servers, bundlePolicy: 'max-bundle' });
        this.#peer.onicecandidate = ({ candidate }) => this.#candidate(candidate);
        this.#peer.onconnectionstatechange = () => this.#peer.connectionState === 'failed' && onFailed('No way for media was found.');
        this.#peer.ontrack = ({ track, transceiver }) => (transceiver === this.slides ? onSlides(track) : onMain(track));
    }

    async start(tracks) {
        const send = kind => tracks.find(track => track.kind === kind);
        for (const kind of ['audio', 'video']) {
            this[kind] = this.#peer.addTransceiver(send(kind) ?? kind, { direction: send(kind) ? 'sendrecv' : 'recvonly' });
        }
        this.slides = this.#peer.addTransceiver('video', { direction: 'sendrecv' });
        await this.#peer.setLocalDescription();
        const sdp = marked(this.#peer.localDescription.sdp);
        const answer = await this.#conference.askAboutMe('calls', { call_type: 'WEBRTC', sdp, media_type: 'video' });
        await this.#peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
        this.#path = `calls/${answer.call_uuid}`;
        await this.#conference.askAboutMe(`${this.#path}/ack`);
        for (const candidate of this.#waiting.splice(0)) this.#candidate(candidate);
    }

    async show(track) {
        await this.slides.sender.replaceTrack(track);
        await this.#conference.askAboutMe(track ? 'take_floor' : 'release_floor');
    }

    // Width, height and pictures a second of what is received.
    async received() {
        const stats = [...(await this.#peer.getStats(this.video.receiver.track)).values()];
        const video = stats.find(one => one.type === 'inbound-rtp');
        return video?.frameWidth ? `${video.frameWidth} × ${video.frameHeight}, ${Math.round(video.framesPerSecond ?? 0)} pictures a second` : '';
    }

    close() {
        this.#peer.close();
    }

    #candidate(candidate) {
        if (this.#path === null) {
            this.#waiting.push(candidate);
            return;
        }
        const { candidate: line = '', sdpMid: mid = null, usernameFragment: ufrag = null } = candidate ?? {};
        if (line) this.#conference.askAboutMe(`${this.#path}/new_candidate`, { candidate: line, mid, ufrag }).catch(() => {});
    }
}
