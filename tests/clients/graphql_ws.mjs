// graphql-ws, the client that defined graphql-transport-ws.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { given, hear, play, tell } from "./told.mjs";

const { url, token } = given;
const EVENTS = `subscription ($after: Cursor) { events(after: $after) {
  ... on EventChange { cursor kind event { id } }
  ... on EventGap { cursor reason }
} }`;

const opened = (options = {}) =>
  createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { token },
    retryWait: async () => {},
    lazyCloseTimeout: 5000,
    ...options,
  });

const closeOf = ({ code, reason }) => ({ code, reason });

const once = (client, query, variables) =>
  new Promise((resolve) => {
    const answers = [];
    client.subscribe(
      { query, variables },
      {
        next: (answer) => answers.push(answer),
        error: (error) => resolve({ answers, error: error.code ? closeOf(error) : error }),
        complete: () => resolve({ answers }),
      },
    );
  });

await play({
  async operations() {
    const client = opened();
    let sockets = 0;
    client.on("connected", () => sockets++);
    const viewers = Array.from({ length: 90 }, () => once(client, "{ viewer { tenantId } }"));
    const several = await Promise.all(viewers);
    tell({
      several,
      mutation: await once(client, given.mutation),
      wrong: await once(client, "{ nothing }"),
      partial: await once(client, "{ viewer { tenantId } camera(id: 1) { id } cameras(first: 0) { totalCount } }"),
      sockets,
    });
  },

  // Goes on where it was after a socket that broke: the payload is sent anew, cursor and all.
  async follow() {
    let sockets = 0;
    const client = opened({ on: { connected: () => sockets++ } });
    const asked = { query: EVENTS, variables: { after: given.after } };
    client.subscribe(asked, {
      next: ({ data }) => {
        asked.variables.after = data.events.cursor;
        tell({ sockets, ...data.events });
      },
      error: (error) => tell({ error }),
      complete: () => tell({ complete: true }),
    });
    while ((await hear()) === "break") client.terminate();
  },

  async keepalive() {
    const pongs = [];
    const client = opened({ keepAlive: 20 });
    client.on("pong", (received, payload) => received && pongs.push(payload ?? null));
    const stop = client.subscribe({ query: EVENTS }, { next() {}, error: tell, complete() {} });
    while (pongs.length < 3) await new Promise((done) => setTimeout(done, 20));
    stop();
    tell({ pongs: pongs.length });
  },

  // A ping of our own that carries a new token: operations go on.
  async renew() {
    const client = opened({
      on: {
        connected: (socket) =>
          socket.send(JSON.stringify({ type: "ping", payload: { token: given.renewed } })),
        pong: (received, payload) => tell({ received, payload }),
        closed: (event) => tell(closeOf(event)),
      },
    });
    client.subscribe(
      { query: EVENTS, variables: { after: given.after } },
      { next: ({ data }) => tell(data.events), error: tell, complete() {} },
    );
    await hear();
  },

  // 4401 is final for this client: who follows subscribes again, with the next token.
  async expire() {
    const tokens = [...given.tokens];
    const client = opened({ connectionParams: () => ({ token: tokens.shift() }) });
    let after = given.after;
    const follow = () =>
      client.subscribe(
        { query: EVENTS, variables: { after } },
        {
          next: ({ data }) => {
            after = data.events.cursor;
            tell(data.events);
          },
          error: (closed) => {
            tell(closeOf(closed));
            if (closed.code === 4401) follow();
          },
          complete() {},
        },
      );
    follow();
    await hear();
  },

  // The close that a client is told, without a try again.
  async refused() {
    tell(await once(opened({ retryAttempts: 0 }), "{ viewer { tenantId } }"));
  },
});
