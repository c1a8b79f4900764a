// The playground: GraphiQL with a token that lives as long as the tab.
"use strict";

(() => {
  const KEY = "vms.playground.token";
  const { createElement, useMemo, useState } = React;

  // A link may hand a token over behind the #, which browsers never send to a server.
  const handed = new URLSearchParams(location.hash.slice(1)).get("token");
  if (handed) {
    sessionStorage.setItem(KEY, handed);
    history.replaceState(null, "", location.pathname);
  }

  const address = location.origin + location.pathname;

  const fetcherWith = (token) =>
    GraphiQL.createFetcher({
      url: address,
      subscriptionUrl: address.replace(/^http/, "ws"),
      headers: token ? { Authorization: `Bearer ${token}` } : {},
      wsConnectionParams: { token },
    });

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

  const TokenField = ({ token, onToken }) => {
    const [draft, setDraft] = useState(token);
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
    );
  };

  const Playground = () => {
    const [token, setToken] = useState(sessionStorage.getItem(KEY) ?? "");
    const fetcher = useMemo(() => fetcherWith(token), [token]);
    const keep = (given) => {
      sessionStorage.setItem(KEY, given);
      setToken(given);
    };
    return createElement(
      "div",
      { className: "playground" },
      createElement(TokenField, { token, onToken: keep }),
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
