// Opens the description of this node's API, and asks this node only.
const onlyThisNode = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => update({ ...document, servers: [{ url: "/" }] }),
      },
    },
  },
});

SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#api",
  plugins: [onlyThisNode],
  validatorUrl: null, // nobody else is told of this page
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  persistAuthorization: false, // a secret is not left behind in the browser
});
