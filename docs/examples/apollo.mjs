// Apollo Client 4: queries by their hash over HTTP, subscriptions over a WebSocket.
// `npm install @apollo/client graphql graphql-ws rxjs`, and `ws` outside of browsers.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client/core";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createHash } from "node:crypto";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const { API, TOKEN, AFTER } = process.env;

const http = ApolloLink.from([
  new PersistedQueryLink({
    sha256: (document) => createHash("sha256").update(document).digest("hex"),
  }),
  new HttpLink({ uri: API, headers: { authorization: `Bearer ${TOKEN}` } }),
]);
const socket = new GraphQLWsLink(
  createClient({
    url: API.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: async () => ({ token: TOKEN }),
    shouldRetry: () => true,
  }),
);

const client = new ApolloClient({
  link: ApolloLink.split(({ operationType }) => operationType === "subscription", socket, http),
  cache: new InMemoryCache({
    // An id is unique within a tenant, and a token is of one tenant: the default keys are right.
    typePolicies: { Viewer: { keyFields: [] } },
  }),
});

const { data } = await client.query({
  query: gql`query Cameras { cameras(first: 20) { nodes { id name status } } }`,
});
for (const camera of data.cameras.nodes) console.log(camera.id, camera.status);

client
  .subscribe({
    query: gql`
      subscription Follow($after: Cursor) {
        events(after: $after) {
          ... on EventChange { cursor kind event { id typeName } }
          ... on EventGap { cursor reason }
        }
      }
    `,
    variables: { after: AFTER },
  })
  .subscribe(({ data: { events } }) => console.log(events.kind, events.event?.id));
