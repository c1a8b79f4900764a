// Follows events with graphql-ws, through any break: `npm install graphql graphql-ws ws`.
// In a browser leave out `ws` and `webSocketImpl`.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const { API, TOKEN, AFTER } = process.env;

const client = createClient({
  url: API.replace(/^http/, "ws"),
  webSocketImpl: WebSocket,
  connectionParams: async () => ({ token: TOKEN }), // asked anew for each socket
  retryAttempts: Infinity,
  shouldRetry: () => true, // also where nobody listens
  keepAlive: 20_000,
});

const query = `subscription Follow($after: Cursor) {
  events(after: $after) {
    ... on EventChange { cursor kind event { id typeName ts cameraId } }
    ... on EventGap { cursor reason }
  }
}`;

// graphql-ws sends this very object again after a break: its cursor is kept up to date.
const variables = { after: AFTER };

const follow = () =>
  client.subscribe(
    { query, variables },
    {
      next: ({ data: { events } }) => {
        console.log(events.kind ?? "GAP", events.event?.id ?? events.reason);
        variables.after = events.cursor;
      },
      error: (reason) => {
        console.log("ended, because:", reason.code ?? reason, reason.reason ?? "");
        // 4401: the token is over. This client takes that for final, so it is subscribed again.
        if (reason.code === 4401) setTimeout(follow, 1000);
      },
      complete: () => {},
    },
  );

follow();
