// The little that is needed to keep elements in step with data, so that nothing loses the keyboard's focus when something changes.

export const $ = id => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
        else if (value !== false && value !== null) element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...children);
    return element;
}

export function text(element, words) {
    if (element.textContent !== words) element.textContent = words;
}

// One child per item, kept by its key: `make` builds it once, `update` brings it up to date.
export function keyed(parent, items, key, make, update) {
    const known = new Map([...parent.children].map(child => [child.dataset.key, child]));
    let place = parent.firstElementChild;
    for (const item of items) {
        const name = String(key(item));
        let child = known.get(name);
        known.delete(name);
        if (!child) {
            child = make(item);
            child.dataset.key = name;
        }
        update(child, item);
        if (child === place) place = place.nextElementSibling;
        else parent.insertBefore(child, place);
    }
    for (const gone of known.values()) gone.remove();
}

export function notice(words) {
    text($('notice'), words);
    $('notice').hidden = !words;
}

// Asks the node for something on behalf of whoever looks at the page.
export async function ask(path, body) {
    const sent = body === undefined ? {} : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    try {
        const response = await fetch(`page/${path}`, sent);
        const answer = await response.json();
        notice(response.ok ? '' : answer.error ?? `The node answered ${response.status}.`);
        return response.ok ? answer : null;
    } catch (error) {
        notice(`The node does not answer: ${error.message}.`);
        return null;
    }
}
