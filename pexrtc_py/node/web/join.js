// Joining a conference from this browser, and the call one is in then.
import { Call } from './call.js';
import { Conference, Refused } from './conference.js';
import { $, h, notice, text } from './dom.js';

let call = null;
let conference = null;
let tracks = [];
let shared = null;
let watching = null;

export const joined = () => conference?.alias ?? null;

const media = { main: new MediaStream(), slides: new MediaStream() };

export function begin(alias) {
    $('join').addEventListener('submit', event => {
        event.preventDefault();
        enter(alias(), new FormData($('join')));
    });
    $('microphone').addEventListener('click', () => toggle('audio', $('microphone'), 'client_mute', 'client_unmute'));
    $('camera').addEventListener('click', () => toggle('video', $('camera'), 'video_muted', 'video_unmuted'));
    $('share').addEventListener('click', () => (shared ? unshare() : share()));
    $('hand').addEventListener('click', () => conference.askAboutMe(conference.me?.buzz_time ? 'clearbuzz' : 'buzz').catch(tell));
    $('leave').addEventListener('click', () => leave());
    $('chat').addEventListener('submit', event => {
        event.preventDefault();
        say($('chat').elements.text);
    });
    addEventListener('pagehide', () => conference?.vanish());
}

const tell = error => notice(error.message);

async function enter(alias, form, token = null) {
    const asked = id => (!$(id).hidden ? String(form.get(id.replace('asked-', '')) ?? '') : null);
    const button = $('join').querySelector('button');
    button.disabled = true;
    text($('why'), '');
    const coming = new Conference(alias);
    try {
        await coming.enter({ name: form.get('name'), pin: asked('asked-pin'), extension: asked('asked-extension'), token });
        conference = coming;
        listen(coming);
        tracks = await devices(form.has('microphone'), form.has('camera'));
        call = new Call(coming, {
            onMain: track => play('main', track),
            onSlides: track => play('slides', track),
            onFailed: reason => leave(reason),
        });
        await call.start(tracks);
        arrive();
    } catch (error) {
        await leave(error instanceof Refused ? refusal(error) : error.message);
    } finally {
        button.disabled = false;
    }
}

// What to say of a refusal; a field appears for what is asked for.
function refusal({ asks, message }) {
    if (asks.pin) {
        $('asked-pin').hidden = false;
        text($('pin-text'), asks.guest_pin === 'none' ? 'PIN of a host (guests leave it empty)' : 'PIN');
        $('join').elements.pin.focus();
        return asks.guest_pin === 'none' ? 'Hosts need a PIN here.' : 'A PIN is needed here.';
    }
    if (asks.conference_extension) {
        $('asked-extension').hidden = false;
        $('join').elements.extension.focus();
        return 'This is a reception: it asks for the extension of a conference.';
    }
    return asks.idp ? 'This conference wants one to sign in, which this page cannot.' : message;
}

async function devices(audio, video) {
    if (!audio && !video) return [];
    try {
        return (await navigator.mediaDevices.getUserMedia({ audio, video })).getTracks();
    } catch (error) {
        notice(`You see and hear, but are neither seen nor heard: the browser gave no camera or microphone (${error.message}).`);
        return [];
    }
}

function play(where, track) {
    media[where].getTracks().filter(old => old.kind === track.kind).forEach(old => media[where].removeTrack(old));
    media[where].addTrack(track);
    $(`${where}-video`).srcObject = media[where];
}

function listen(coming) {
    const mine = act => ({ detail }) => conference === coming && act(detail);
    coming.addEventListener('over', mine(reason => leave(reason)));
    coming.addEventListener('message', mine(({ origin, payload }) => message(origin, payload)));
    coming.addEventListener('presentation', mine(presented));
    coming.addEventListener('roster', mine(() => $('hand').setAttribute('aria-pressed', Boolean(coming.me?.buzz_time))));
    coming.addEventListener('refer', mine(async ({ alias, token }) => {
        const form = new FormData($('join'));
        await leave(`You were sent to ${alias}.`);
        enter(alias, form, token);
    }));
}

function presented(told) {
    if (told && shared) unshare(false);
    $('slides').hidden = !told || told.source === 'static';
}

function arrive() {
    for (const [kind, id] of [['audio', 'microphone'], ['video', 'camera']]) {
        $(id).disabled = !tracks.some(track => track.kind === kind);
        $(id).setAttribute('aria-pressed', !$(id).disabled);
    }
    $('self-video').srcObject = new MediaStream(tracks.filter(track => track.kind === 'video'));
    $('self-video').hidden = !tracks.some(track => track.kind === 'video');
    text($('where'), `You are in ${conference.alias}`);
    $('messages').replaceChildren();
    $('call').hidden = false;
    $('join').hidden = true;
    watching = setInterval(async () => call && text($('received'), await call.received()), 1000);
    $('leave').focus();
}

async function leave(why = '') {
    const [going, closing] = [conference, call];
    conference = call = null;
    clearInterval(watching);
    tracks.splice(0).forEach(track => track.stop());
    shared?.stop();
    shared = null;
    $('share').setAttribute('aria-pressed', false);
    closing?.close();
    await going?.leave();
    $('call').hidden = $('slides').hidden = true;
    $('join').hidden = false;
    text($('why'), why);
}

function toggle(kind, button, off, on) {
    const track = tracks.find(one => one.kind === kind);
    track.enabled = !track.enabled;
    button.setAttribute('aria-pressed', track.enabled);
    conference.askAboutMe(track.enabled ? on : off).catch(tell);
}

async function share() {
    try {
        const [track] = (await navigator.mediaDevices.getDisplayMedia({ video: true })).getTracks();
        track.onended = () => unshare();
        shared = track;
        await call.show(track);
        $('share').setAttribute('aria-pressed', true);
    } catch (error) {
        shared?.stop();
        shared = null;
        notice(`Nothing is shared: ${error.message}.`);
    }
}

async function unshare(release = true) {
    shared?.stop();
    shared = null;
    $('share').setAttribute('aria-pressed', false);
    if (release) await call?.show(null).catch(tell);
}

async function say(field) {
    try {
        await conference.ask('message', { type: 'text/plain', payload: field.value });
        message('You', field.value);
        field.value = '';
    } catch (error) {
        tell(error);
    }
}

function message(who, words) {
    $('messages').append(h('li', {}, h('strong', {}, `${who}: `), words));
    $('messages').scrollTop = $('messages').scrollHeight;
    while ($('messages').children.length > 200) $('messages').firstChild.remove();
}
