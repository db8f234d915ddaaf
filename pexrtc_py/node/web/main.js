// The page of a node: what goes on in its conferences, and a way into them.
import { $, h, notice } from './dom.js';
import * as join from './join.js';
import * as rooms from './rooms.js';

const KEPT = 500;
let held = false;

function logged(entry) {
    const row = h('tr', { class: entry.kind });
    const time = new Date(entry.time * 1000).toLocaleTimeString([], { hour12: false });
    row.append(...[time, entry.room, entry.who, entry.name, entry.text].map(words => h('td', {}, words)));
    return row;
}

const fits = row => row.textContent.toLowerCase().includes($('filter').value.toLowerCase());

function log(entries) {
    if (held) return;
    for (const entry of entries) {
        const row = logged(entry);
        row.hidden = !fits(row);
        $('log').prepend(row);
    }
    while ($('log').children.length > KEPT) $('log').lastChild.remove();
}

$('filter').addEventListener('input', () => [...$('log').children].forEach(row => (row.hidden = !fits(row))));
$('clear').addEventListener('click', () => $('log').replaceChildren());
$('hold').addEventListener('click', () => {
    held = !held;
    $('hold').setAttribute('aria-pressed', held);
});

await rooms.begin();
join.begin(() => rooms.room().joins);

const stream = new EventSource('page/events');
stream.addEventListener('state', event => rooms.update(JSON.parse(event.data)));
stream.addEventListener('log', event => log(JSON.parse(event.data)));
stream.onopen = () => notice('');
stream.onerror = () => notice('The node does not answer. It may have been stopped; this page comes back with it.');
