// A conference by the client REST API: token, events, requests. Says what happens as events of its own.

const seconds = number => new Promise(done => setTimeout(done, number * 1000));

export class Refused extends Error {
    constructor(result) {
        super(typeof result === 'string' ? result : 'More is asked for.');
        this.asks = typeof result === 'object' && result !== null ? result : {};
    }
}

export class Conference extends EventTarget {
    #base;
    #token = null;
    #stream = null;
    #timer = null;
    #over = false;

    constructor(alias) {
        super();
        this.alias = alias;
        this.#base = `api/client/v2/conferences/${encodeURIComponent(alias)}`;
        this.participants = new Map();
    }

    get me() {
        return this.participants.get(this.uuid);
    }

    // Raises Refused, which tells in `asks` what is wanted: a PIN, an extension.
    async enter({ name, pin = null, extension = null, token = null }) {
        const headers = { 'Content-Type': 'application/json' };
        if (pin !== null) headers.pin = pin || 'none';
        if (token !== null) headers.token = token;
        const wanted = { display_name: name, ...(extension ? { conference_extension: extension } : {}) };
        const response = await fetch(`${this.#base}/request_token`, { method: 'POST', headers, body: JSON.stringify(wanted) });
        const { result } = await response.json();
        if (!response.ok) throw new Refused(result);
        this.#token = result.token;
        this.uuid = result.participant_uuid;
        this.role = result.role;
        this.servers = [
            ...(result.stun ?? []).map(one => ({ urls: one.url })),
            ...(result.turn ?? []).map(one => ({ urls: one.urls, username: one.username, credential: one.credential })),
        ];
        this.#timer = setInterval(() => this.#refresh(), (Number(result.expires) / 3) * 1000);
        this.#listen();
    }

    async ask(what, body = {}) {
        const response = await fetch(`${this.#base}/${what}`, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json', token: this.#token },
            body: JSON.stringify(body),
        });
        const answer = await response.json().catch(() => ({}));
        if (!response.ok) throw new Refused(answer.result ?? `The node answered ${response.status}.`);
        return answer.result;
    }

    askAboutMe(what, body) {
        return this.ask(`participants/${this.uuid}/${what}`, body);
    }

    async leave() {
        if (this.#over) return;
        this.#end();
        await this.ask('release_token').catch(() => {});
    }

    // The page is being closed: nothing can be waited for any more.
    vanish() {
        if (!this.#over) navigator.sendBeacon(`${this.#base}/release_token?token=${encodeURIComponent(this.#token)}`);
    }

    #end() {
        this.#over = true;
        clearInterval(this.#timer);
        this.#stream?.close();
    }

    async #refresh() {
        try {
            const result = await this.ask('refresh_token');
            this.#token = result.token;
            this.role = result.role ?? this.role;
        } catch (error) {
            if (error instanceof Refused) this.#lost(error.message);
        }
    }

    #listen() {
        this.#stream = new EventSource(`${this.#base}/events?token=${encodeURIComponent(this.#token)}`);
        this.#stream.onerror = async () => {
            this.#stream.close(); // the browser would come back with a token that may be old
            await seconds(1);
            if (!this.#over) this.#listen();
        };
        const on = (name, act) => this.#stream.addEventListener(name, event => act(JSON.parse(event.data)));
        const keep = one => {
            this.participants.set(one.uuid, one);
            this.#tell('roster');
        };
        on('participant_sync_begin', () => this.participants.clear());
        on('participant_sync_end', () => this.#tell('roster'));
        on('participant_create', keep);
        on('participant_update', keep);
        on('participant_delete', ({ uuid }) => {
            this.participants.delete(uuid);
            this.#tell('roster');
        });
        on('message_received', told => this.#tell('message', told));
        on('presentation_start', told => this.#tell('presentation', told));
        on('presentation_stop', () => this.#tell('presentation', null));
        on('call_disconnected', ({ reason }) => this.#lost(reason ?? 'The call ended.'));
        on('disconnect', ({ reason }) => this.#lost(reason ?? 'The node ended the call.'));
        on('refer', told => this.#tell('refer', told));
        on('refresh_token', () => this.#refresh());
    }

    #lost(reason) {
        if (this.#over) return;
        this.#end();
        this.#tell('over', reason);
    }

    #tell(name, detail = null) {
        this.dispatchEvent(new CustomEvent(name, { detail }));
    }
}
