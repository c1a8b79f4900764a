// graphql-sse, in both of its modes.
import { createClient } from "graphql-sse";
import { given, hear, play, tell } from "./told.mjs";

const { url, token } = given;
const EVENTS = `subscription ($after: Cursor) { events(after: $after) {
  ... on EventChange { cursor kind event { id } } } }`;

const opened = (options = {}) =>
  createClient({ url, headers: { Authorization: `Bearer ${token}` }, retryAttempts: 0, ...options });

const once = (client, query) =>
  new Promise((resolve) => {
    const answers = [];
    client.subscribe(
      { query },
      {
        next: (answer) => answers.push(answer),
        error: (error) => resolve({ answers, status: error.response?.status ?? String(error) }),
        complete: () => resolve({ answers, complete: true }),
      },
    );
  });

await play({
  async operations() {
    const client = opened();
    tell({
      query: await once(client, "{ viewer { tenantId } }"),
      mutation: await once(client, given.mutation),
      wrong: await once(client, "{ nothing }"),
      refused: await once(opened({ headers: {} }), "{ viewer { tenantId } }"),
      single: await once(opened({ singleConnection: true }), "{ viewer { tenantId } }"),
    });
  },

  // Each attempt asks for what comes behind the last cursor.
  async follow() {
    let attempts = 0;
    const asked = { query: EVENTS, variables: { after: given.after } };
    const client = opened({
      headers: () => ({ Authorization: `Bearer ${given.tokens[attempts++]}` }),
    });
    const follow = () =>
      client.subscribe(asked, {
        next: ({ data, errors }) => {
          if (data) asked.variables.after = data.events.cursor;
          tell({ events: data?.events, codes: errors?.map((each) => each.extensions.code) });
        },
        error: (error) => tell({ error: String(error) }),
        complete: () => {
          tell({ complete: true });
          follow();
        },
      });
    follow();
    await hear();
  },
});
