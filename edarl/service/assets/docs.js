// Starts Swagger UI on /docs. A file of its own: the content security policy forbids inline scripts.
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    layout: "BaseLayout",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
    persistAuthorization: false,
    validatorUrl: null,
  });
});
