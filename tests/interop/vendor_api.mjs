// The vendor's own functions for each request, which judge every answer: called by lines of JSON on stdin, their requests leave on stdout.
import { createInterface } from "node:readline";

import * as api from "@pexip/infinity-api";

const HOST = "http://node.invalid";
const WITHOUT_BODY = [204, 304];
const waiting = [];

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function fetcher(url, { method = "get", headers, body = null } = {}) {
  say({ ask: method.toUpperCase(), path: url.slice(HOST.length), headers: Object.fromEntries(new Headers(headers)), body });
  return new Promise((resolve) => waiting.push(resolve));
}

async function call({ name, token, pin, params, body }) {
  let way = fetcher;
  if (token) way = api.withToken(way, token);
  if (pin) way = api.withPin(way, pin);
  try {
    const { status } = await api[name]({ fetcher: way, params, body, host: HOST });
    say({ status, error: "" });
  } catch (error) {
    say({ status: 0, error: `${error.constructor.name} ${error.message} ${JSON.stringify(error.errors ?? "")}` });
  }
}

createInterface({ input: process.stdin }).on("line", (text) => {
  const line = JSON.parse(text);
  if ("name" in line) return call(line);
  const { status, type, body } = line;
  waiting.shift()(new Response(WITHOUT_BODY.includes(status) ? null : body, { status, headers: { "content-type": type } }));
});

const helpers = ["withToken", "withPin", "getErrorCode", "ValidationError", "NonJSONResponseError"];
say({ names: Object.keys(api).filter((name) => !helpers.includes(name)) });
