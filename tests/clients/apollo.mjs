// @apollo/client as a web application has it, without React.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client/core";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createHash } from "node:crypto";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { given, hear, play, tell } from "./told.mjs";

const { url, token } = given;
const VIEWER = gql`query Viewer { viewer { tenantId scopes } }`;
const EVENTS = gql`subscription Follow($after: Cursor) { events(after: $after) {
  ... on EventChange { cursor kind event { id typeName } } } }`;
const RENAME = gql`mutation Rename($id: ID!, $name: String!) {
  cameraUpdate(id: $id, input: { name: $name }) { camera { id name } userErrors { code } } }`;
const CAMERA = gql`query OneCamera($id: ID!) { camera(id: $id) { id name } }`;

const requests = [];
const http = new HttpLink({
  uri: url,
  headers: { authorization: `Bearer ${token}` },
  fetch: async (address, init) => {
    const response = await fetch(address, init);
    const sent = init.body ?? new URL(address).search;
    requests.push({ method: init.method, query: sent.includes("query Viewer"), status: response.status });
    return response;
  },
});
const hashed = new PersistedQueryLink({
  sha256: (text) => createHash("sha256").update(text).digest("hex"),
  useGETForHashedQueries: true,
});
const socket = new GraphQLWsLink(
  createClient({
    url: url.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { token },
  }),
);

const over = (link) =>
  new ApolloClient({
    link,
    cache: new InMemoryCache(),
    defaultOptions: { query: { fetchPolicy: "network-only" } },
  });

const follow = async (client) => {
  client.subscribe({ query: EVENTS, variables: { after: given.after } }).subscribe({
    next: ({ data, error }) => tell({ events: data?.events, error: error && String(error) }),
    error: (error) => tell({ error: String(error) }),
    complete: () => tell({ complete: true }),
  });
  await hear();
};

await play({
  async persisted() {
    const client = over(ApolloLink.from([hashed, http]));
    const first = await client.query({ query: VIEWER });
    const again = await client.query({ query: VIEWER });
    tell({ first: first.data, again: again.data, requests });
  },

  async mutation() {
    const client = over(http);
    const id = given.camera;
    await client.query({ query: CAMERA, variables: { id } });
    const renamed = await client.mutate({ mutation: RENAME, variables: { id, name: "Back door" } });
    const cached = client.readQuery({ query: CAMERA, variables: { id } });
    tell({ renamed: renamed.data.cameraUpdate, cached: cached.camera });
  },

  async wrong() {
    const client = over(http);
    const said = async (query) =>
      client.query({ query }).then(
        ({ data }) => ({ data }),
        (error) => ({ name: error.name, codes: error.errors?.map((each) => each.extensions.code) }),
      );
    tell({
      invalid: await said(gql`{ nothing }`),
      partial: await said(gql`{ cameras(first: 0) { totalCount } }`),
    });
  },

  socket: () => follow(over(socket)),
  multipart: () => follow(over(http)),
});
