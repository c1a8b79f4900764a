// The audits of graphql-http: what the GraphQL over HTTP draft wants of a server.
import { auditServer } from "graphql-http";
import { given, tell } from "./told.mjs";

const fetchFn = (url, init = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${given.token}` } });

const found = await auditServer({ url: given.url, fetchFn });
tell(found.map(({ id, name, status, reason }) => ({ id, name, status, reason })));
process.exit(0);
