// The conferences of the node: a list, and one of them with its views, participants and controls.
import { $, ask, h, keyed, text } from './dom.js';
import { joined } from './join.js';

const FORWARDED_EVERY = 2000; // each picture of these costs its sender a keyframe
const COMPOSED_EVERY = 400;

let node = { rooms: [] };
let chosen = decodeURIComponent(location.hash.slice(1)) || null;

export const room = () => node.rooms.find(one => one.key === chosen) ?? null;

export async function begin() {
    $('open').addEventListener('submit', async event => {
        event.preventDefault();
        const alias = $('alias').value.trim();
        if (await ask('open', { alias })) {
            $('alias').value = '';
            choose(alias);
        }
    });
    $('add').addEventListener('submit', event => {
        event.preventDefault();
        add(new FormData($('add')));
    });
    $('banner').addEventListener('submit', event => {
        event.preventDefault();
        request('set_message_text', { text: new FormData($('banner')).get('text') });
    });
    $('network').addEventListener('change', () => ask('network', { network: $('network').value }));
    const drawings = (await ask('layouts')) ?? {};
    $('layouts').append(...Object.entries(drawings).map(drawn));
    look();
}

function drawn([name, svg]) {
    const picture = document.adoptNode(new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement);
    picture.setAttribute('aria-hidden', 'true');
    const pressed = { 'aria-pressed': 'false', 'data-layout': name, type: 'button' };
    return h('button', { ...pressed, onclick: () => request('transform_layout', { transforms: { layout: name } }) }, picture, h('span', {}, ...name.split(/(?<=_)/).flatMap(part => [part, h('wbr')])));
}

async function add(form) {
    const [picture, sound] = [form.get('picture') || null, form.get('sound') || null];
    const bot = { name: form.get('name'), role: form.get('role'), picture, sound: sound && sound !== 'voice' ? Number(sound) : sound };
    if (await ask('bots', { room: room().uuid, ...bot })) $('add').elements.name.value = '';
}

const request = (name, body = {}, participant = null) => ask('ask', { room: room().uuid, request: name, participant, body });

function choose(key) {
    chosen = key;
    history.replaceState(null, '', `#${encodeURIComponent(key)}`);
    update(node);
}

export function update(state) {
    node = state;
    if (!room() && node.rooms.length) chosen = node.rooms[0].key;
    text($('about'), `Version ${node.version} at ${location.origin}, pictures composed: ${node.compose}`);
    networks();
    keyed($('rooms'), node.rooms, one => one.key, listed, (item, one) => {
        const button = item.firstChild;
        button.setAttribute('aria-current', one.key === chosen);
        text(button.firstChild, one.name);
        text(button.lastChild, String(one.count));
    });
    $('empty').hidden = Boolean(room());
    $('shown').hidden = !room();
    if (room()) show(room());
}

const listed = ({ key }) => h('li', {}, h('button', { onclick: () => choose(key) }, h('span'), h('span', { class: 'faint' })));

function networks() {
    $('network').parentElement.hidden = !node.networks.length;
    if ($('network').options.length !== node.networks.length) {
        $('network').replaceChildren(...node.networks.map(name => h('option', { value: name }, name)));
    }
    if (document.activeElement !== $('network')) $('network').value = node.network;
}

function show(one) {
    text($('name'), one.name);
    $('join').hidden = joined() !== null || !one.joins;
    const facts = [
        [one.started ? 'started' : 'not started', one.started],
        [one.locked && 'locked', true],
        [one.guests_muted && 'guests muted', true],
        [one.presenter && 'presentation', true],
        [one.layout, false],
    ].filter(([words]) => words);
    keyed($('facts'), facts, fact => fact[0], ([words]) => h('li', {}, words), (item, [, on]) => item.classList.toggle('on', on));
    text($('count'), String(one.count));
    keyed($('people'), one.participants, person => person.uuid, person, refreshed);
    $('no-views').hidden = one.views.length > 0;
    keyed($('views'), one.views, view => `${one.uuid}/${view.id}`, pictured, captioned);
    keyed($('controls'), controls(one), control => control.label, control => h('button', { type: 'button' }, control.label), pressable);
    for (const button of $('layouts').children) button.setAttribute('aria-pressed', button.dataset.layout === one.layout);
}

// What a button does is kept with it, since it changes with the state.
function pressable(button, { label, on, act, pressed }) {
    text(button, label);
    button.onclick = act;
    if (pressed !== undefined) button.setAttribute('aria-pressed', pressed);
    button.classList.toggle('danger', on === 'danger');
}

const switched = (label, is, on, off) => ({ label, pressed: is, act: () => request(is ? off : on) });
const transformed = (label, is, name) => ({ label, pressed: is, act: () => request('transform_layout', { transforms: { [name]: !is } }) });

function controls(one) {
    return [
        switched('Locked', one.locked, 'lock', 'unlock'),
        switched('Guests muted', one.guests_muted, 'muteguests', 'unmuteguests'),
        transformed('Names', one.names, 'enable_overlay_text'),
        transformed('Speaker framed', one.framed, 'enable_active_speaker_indication'),
        ...(one.started ? [] : [{ label: 'Start', act: () => request('start_conference') }]),
        { label: 'Lower all hands', act: () => request('clearallbuzz') },
        { label: 'End for everybody', on: 'danger', act: () => request('disconnect') },
    ];
}

function person() {
    return h('li', {}, h('div', { class: 'who' }, h('strong'), ' ', h('ul', { class: 'chips' })), h('div', { class: 'row' }));
}

function refreshed(item, one) {
    const who = item.firstChild;
    item.classList.toggle('speaking', one.speaking);
    text(who.firstChild, one.name);
    const said = [
        [one.role, false],
        [one.bot && 'scripted', false],
        [one.waiting && 'waits', true],
        [one.connecting && 'is called', true],
        [!one.media.length && 'no media', false],
        [one.muted && 'muted', true],
        [one.client_muted && 'microphone off', false],
        [one.video_muted && 'video muted', true],
        [one.hand && 'hand raised', true],
        [one.spotlight && 'spotlight', true],
        [one.presenting && 'presents', true],
        [one.on_hold && 'on hold', true],
    ].filter(([words]) => words);
    keyed(who.lastChild, said, fact => fact[0], ([words]) => h('li', {}, words), (chip, [, on]) => chip.classList.toggle('on', on));
    const buttons = one.waiting ? [{ label: 'Let in', act: () => request('unlock', {}, one.uuid) }] : inside(one);
    const last = { label: 'Disconnect', on: 'danger', act: () => request('disconnect', {}, one.uuid) };
    keyed(item.lastChild, [...buttons, last], button => button.label, ({ label }) => h('button', { type: 'button' }, label), (button, control) => {
        pressable(button, control);
        button.setAttribute('aria-label', `${control.label}: ${one.name}`);
    });
}

function inside(one) {
    const about = (label, is, on, off) => ({ label, pressed: is, act: () => request(is ? off : on, {}, one.uuid) });
    const bot = (label, is, doing, done) => ({ label, pressed: is, act: () => ask('perform', { bot: one.uuid, does: is ? done : doing }) });
    return [
        about('Mute', one.muted, 'mute', 'unmute'),
        about('Mute video', one.video_muted, 'video_muted', 'video_unmuted'),
        about('Spotlight', one.spotlight, 'spotlighton', 'spotlightoff'),
        ...(one.bot ? [bot('Slides', one.presenting, 'present', 'stop'), bot('Hand', one.hand, 'raise', 'lower')] : []),
        ...(!one.bot && one.hand ? [{ label: 'Lower hand', act: () => request('clearbuzz', {}, one.uuid) }] : []),
    ];
}

const pictured = () => h('figure', {}, h('img', { class: 'picture', alt: '' }), h('figcaption'));

function captioned(figure, view) {
    const size = view.size ? `, ${view.size[0]} × ${view.size[1]}` : '';
    const [image, caption] = figure.children;
    figure.dataset.kind = view.kind;
    figure.dataset.path = `page/picture/${room().uuid}/${encodeURIComponent(view.id)}`;
    image.alt = view.kind === 'slides' ? `Slides of ${view.of}` : `What ${view.viewers.join(', ')} sees`;
    const source = view.of && (view.kind === 'splash' ? ` “${view.of}”` : ` from ${view.of}`);
    text(caption, `${view.kind}${source}${size}: seen by ${view.viewers.join(', ')}`);
}

// Fetches pictures one after the other, so that a slow one keeps nobody else waiting and none is asked for twice.
async function look() {
    const now = performance.now();
    for (const figure of $('views').children) {
        const every = figure.dataset.kind === 'composed' ? COMPOSED_EVERY : FORWARDED_EVERY;
        if (!document.hidden && !figure.busy && now - (figure.fetched ?? -Infinity) >= every) fetched(figure, now);
    }
    setTimeout(look, 100);
}

async function fetched(figure, now) {
    figure.busy = true;
    figure.fetched = now;
    try {
        const response = await fetch(figure.dataset.path);
        if (response.status === 200) {
            const image = figure.firstChild;
            const old = image.src;
            image.src = URL.createObjectURL(await response.blob());
            await image.decode().catch(() => {});
            if (old) URL.revokeObjectURL(old);
        }
    } catch {
        // the node is away; the page says so elsewhere
    } finally {
        figure.busy = false;
    }
}
