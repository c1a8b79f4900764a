// The playground: GraphiQL with a token that lives as long as the tab.
"use strict";

(() => {
  const KEY = "vms.playground.token";
  const { createElement, useEffect, useMemo, useState } = React;

  // A link may hand a token over behind the #, which browsers never send to a server.
  const handed = new URLSearchParams(location.hash.slice(1)).get("token");
  if (handed) {
    sessionStorage.setItem(KEY, handed);
    history.replaceState(null, "", location.pathname);
  }

  const address = location.origin + location.pathname;

  // Who a token stands for, or why it stands for nobody: the answer to `viewer`.
  const introduced = async (token) => {
    const answer = await fetch(address, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ query: "{ viewer { tenantId scopes } }" }),
    });
    return answer.json();
  };

  const NOTHING = { errors: [{ message: "no token yet: `vms token` prints one" }] };

  const admission = (token) =>
    token
      ? introduced(token).catch((error) => ({ errors: [{ message: String(error) }] }))
      : Promise.resolve(NOTHING);

  const note = ({ data, errors }) =>
    data?.viewer
      ? `tenant ${data.viewer.tenantId || "(none)"}, ${data.viewer.scopes.join(" ") || "no scopes"}`
      : errors[0].message;

  // A token that is refused is not tried: a socket would be opened in vain, again and again.
  const fetcherWith = (token, admitted) => {
    const fetcher = GraphiQL.createFetcher({
      url: address,
      subscriptionUrl: address.replace(/^http/, "ws"),
      headers: { Authorization: `Bearer ${token}` },
      wsConnectionParams: { token },
    });
    return async (asked, options) => {
      const found = await admitted;
      return found.data ? fetcher(asked, options) : found;
    };
  };

  const EXAMPLES = [
    `# Events as they happen. To go on without loss
# or repeat, pass the last cursor as \`after\`.
subscription Events {
  events {
    ... on EventChange {
      cursor
      kind
      event {
        id type confidence ts cameraId snapshotUrl
      }
    }
    ... on EventGap { cursor reason }
  }
}
`,
    `# The cameras, how they are doing, and their
# latest events with where to play them.
query Cameras {
  cameras(first: 20) {
    totalCount
    nodes {
      id
      name
      status
      statusReason
      stream { codec width height fps }
      events(first: 3) {
        nodes { id type ts playback { playlistUrl offset } }
      }
    }
  }
}
`,
    `# A new camera. What you can correct comes
# back as userErrors.
mutation AddCamera {
  cameraCreate(
    input: {
      name: "Lobby"
      rtspUrl: "rtsp://192.168.1.20/stream"
      features: [PERSON]
    }
  ) {
    camera { id status }
    filteredFeatures
    userErrors { code field message }
  }
}
`,
  ].map((query) => ({ query }));

  const TokenField = ({ token, admitted, onToken }) => {
    const [draft, setDraft] = useState(token);
    const [who, setWho] = useState(null);
    useEffect(() => {
      let current = true;
      admitted.then((found) => current && setWho(found));
      return () => {
        current = false;
      };
    }, [admitted]);
    const submit = (event) => {
      event.preventDefault();
      onToken(draft.trim());
    };
    return createElement(
      "form",
      { className: "token", onSubmit: submit },
      createElement("label", { htmlFor: "token" }, "Token"),
      createElement("input", {
        id: "token",
        type: "password",
        autoComplete: "off",
        spellCheck: false,
        placeholder: "a JWT, as `vms token` prints it",
        value: draft,
        onChange: (event) => setDraft(event.target.value),
      }),
      createElement("button", { type: "submit" }, "Use"),
      createElement(
        "output",
        { className: who?.data ? "admitted" : "refused", title: who ? note(who) : "" },
        who ? note(who) : "…",
      ),
    );
  };

  const Playground = () => {
    const [token, setToken] = useState(sessionStorage.getItem(KEY) ?? "");
    const [round, setRound] = useState(0);
    const admitted = useMemo(() => admission(token), [token, round]);
    const fetcher = useMemo(() => fetcherWith(token, admitted), [token, admitted]);
    const keep = (given) => {
      sessionStorage.setItem(KEY, given);
      setToken(given);
      setRound((before) => before + 1); // the same token may be refused by now
    };
    return createElement(
      "div",
      { className: "playground" },
      createElement(TokenField, { token, admitted, onToken: keep }),
      createElement(GraphiQL, {
        fetcher,
        defaultTabs: EXAMPLES,
        defaultEditorToolsVisibility: false,
        isHeadersEditorEnabled: false,
      }),
    );
  };

  ReactDOM.createRoot(document.getElementById("playground")).render(createElement(Playground));
})();
